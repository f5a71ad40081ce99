variable "name" {
  description = "What everything here is called: `berthcare-{environment}`."
  type        = string
}

variable "limit_usd" {
  description = "What a month may cost, in US dollars."
  type        = number

  validation {
    condition     = var.limit_usd > 0
    error_message = "A budget is more than nothing."
  }
}

variable "topic_arn" {
  description = "Who is told."
  type        = string
}
