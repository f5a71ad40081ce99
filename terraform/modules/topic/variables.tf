variable "name" {
  description = "The topic's name."
  type        = string
}

variable "key_arn" {
  description = "The key that encrypts it; its policy lets those who tell use it."
  type        = string
}

variable "tellers" {
  description = "AWS services that tell something beside CloudWatch's alarms."
  type        = set(string)
  default     = []
}

variable "emails" {
  description = "Who is told by e-mail; each address confirms once."
  type        = set(string)

  validation {
    condition     = length(var.emails) > 0 && alltrue([for email in var.emails : can(regex("^[^@\\s]+@[^@\\s]+$", email))])
    error_message = "At least one address of e-mail: an alarm that nobody hears is none."
  }
}

variable "pager_endpoint" {
  description = "The HTTPS address of the pager that critical alarms wake; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.pager_endpoint == null || can(regex("^https://", var.pager_endpoint))
    error_message = "An HTTPS address."
  }
}
