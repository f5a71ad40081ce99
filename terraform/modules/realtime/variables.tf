variable "domain_name" {
  description = "The name at which clients open WebSockets."
  type        = string
}

variable "logs_key_arn" {
  description = "The key that encrypts logs."
  type        = string
}
