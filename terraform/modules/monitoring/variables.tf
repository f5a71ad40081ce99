variable "environment" {
  description = "Which environment this is."
  type        = string
}

variable "name" {
  description = "What everything here is called: `berthcare-{environment}`."
  type        = string
}

variable "functions" {
  description = "The functions' names, after `berthcare-{environment}-`."
  type        = set(string)
}

variable "function_concurrency" {
  description = "How many of the functions that hold a database connection may run at once: the sum of template.yaml's reserved concurrency."
  type        = number

  validation {
    condition     = var.function_concurrency > 0
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
  default     = ["DeleteItem", "GetItem", "PutItem", "UpdateItem"]
}

variable "distribution_id" {
  description = "The CloudFront distribution."
  type        = string
}

variable "access_logs_bucket" {
  description = "The bucket that takes the record of AWS calls."
  type        = string
}

variable "logs_key_arn" {
  description = "The key that encrypts log groups and the topic."
  type        = string
}

variable "emails" {
  description = "Who is told by e-mail; each address confirms once."
  type        = set(string)

  validation {
    condition     = length(var.emails) > 0 && alltrue([for email in var.emails : can(regex("^[^@\\s]+@[^@\\s]+$", email))])
    error_message = "At least one address of e-mail: an alarm that nobody hears is none."
  }
}
