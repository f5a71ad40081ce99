variable "environment" {
  description = "Which environment's state this keeps."
  type        = string

  validation {
    condition     = contains(["staging", "production"], var.environment)
    error_message = "staging or production."
  }
}

variable "account_id" {
  description = "The environment's AWS account."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "Twelve digits."
  }
}
