variable "schedule" {
  description = "When buckets are copied, in AWS's cron: daily, or hourly where an hour's work is the most that may be lost."
  type        = string

  validation {
    condition     = startswith(var.schedule, "cron(") && endswith(var.schedule, ")")
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

variable "bucket_arns" {
  description = "The buckets that are copied."
  type        = list(string)

  validation {
    condition     = length(var.bucket_arns) > 0
    error_message = "A backup of nothing is none."
  }
}

variable "documents_bucket_arn" {
  description = "The bucket whose restore is tried each month."
  type        = string
}

variable "database_arn" {
  description = "The database's instance."
  type        = string
}

variable "database_subnet_group" {
  description = "Where a restored database is tried."
  type        = string
}

variable "copies_vault" {
  description = "The vault in the other region; null where there is none."
  type        = string
  default     = null
}
