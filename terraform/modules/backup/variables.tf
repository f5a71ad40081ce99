variable "name" {
  description = "What everything here is called: `berthcare-{environment}`."
  type        = string
}

variable "schedule" {
  description = "When copies are made, in AWS's cron: daily, or hourly where an hour's work is the most that may be lost."
  type        = string

  validation {
    condition     = can(regex("^cron\\(.+\\)$", var.schedule))
    error_message = "AWS's cron(...), in UTC."
  }
}

variable "keep_days" {
  description = "How long a copy is kept."
  type        = number

  validation {
    condition     = var.keep_days >= 7 && var.keep_days <= 365
    error_message = "A week to a year."
  }
}

variable "resource_arns" {
  description = "What is copied: the database and the buckets."
  type        = list(string)

  validation {
    condition     = length(var.resource_arns) > 0
    error_message = "A backup of nothing is none."
  }
}

variable "topic_arn" {
  description = "Who is told when a copy fails."
  type        = string
}
