variable "data_key_arn" {
  description = "The key that encrypts data."
  type        = string
}

variable "secrets_key_arn" {
  description = "The key that encrypts secrets."
  type        = string
}

variable "logs_key_arn" {
  description = "The key that encrypts log groups."
  type        = string
}
