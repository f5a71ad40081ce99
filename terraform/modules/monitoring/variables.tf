variable "concurrency" {
  description = "By function, how many run at once: template.yaml's reserved concurrency."
  type        = map(number)

  validation {
    condition     = length(var.concurrency) > 0 && alltrue([for reserved in var.concurrency : reserved > 0])
    error_message = "Something has to run."
  }
}

variable "database_instance_id" {
  description = "The primary's identifier."
  type        = string
}

variable "database_proxy_name" {
  description = "The proxy's name."
  type        = string
}

variable "database_connections" {
  description = "From how many connections to the database on the alarm sounds."
  type        = number
  default     = 80
}

variable "ephemeral_table" {
  description = "The name of the table of what expires."
  type        = string
}

variable "ephemeral_operations" {
  description = "The operations that the functions ask of that table."
  type        = set(string)
}

variable "access_logs_bucket" {
  description = "The bucket that takes the record of AWS calls."
  type        = string
}

variable "logs_key_arn" {
  description = "The key that encrypts log groups and the topic."
  type        = string
}

variable "anchors_bucket_arn" {
  description = "The bucket of the audit chain's anchors, whose every use is recorded."
  type        = string
}

variable "backup_vault" {
  description = "The vault that takes backups."
  type        = string
}

variable "backup_hours" {
  description = "Within how many hours a backup of a bucket must have been completed."
  type        = number
}

variable "emails" {
  description = "Who is told by e-mail; each address confirms once."
  type        = set(string)
}

variable "pager_endpoint" {
  description = "The HTTPS address of the pager that critical alarms wake; null for none."
  type        = string
  default     = null
}
