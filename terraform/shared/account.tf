# What each root needs to know: its environment and its account. The roots hold links to this file.

variable "environment" {
  description = "Which environment this is; also the GitHub environment that may deploy to it."
  type        = string

  validation {
    condition     = contains(["staging", "production"], var.environment)
    error_message = "staging or production."
  }
}

variable "account_id" {
  description = "The AWS account; each environment has one of its own."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "Twelve digits."
  }
}
