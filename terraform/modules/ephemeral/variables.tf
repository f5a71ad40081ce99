variable "name" {
  description = "What everything here is called: `berthcare-{environment}`."
  type        = string
}

variable "data_key_arn" {
  description = "The key that encrypts data."
  type        = string
}

variable "deletion_protection" {
  description = "Whether the table refuses to be deleted."
  type        = bool
}
