variable "environment" {
  description = "Which environment this is; also the GitHub environment that may deploy to it."
  type        = string
}

variable "name" {
  description = "What everything here is called: `berthcare-{environment}`."
  type        = string
}

variable "github_repository" {
  description = "The repository whose workflows may deploy, as `owner/name`."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", var.github_repository))
    error_message = "As owner/name."
  }
}

variable "proxy_role_suffix" {
  description = "The name of the database proxy's role, after `berthcare-{environment}-`."
  type        = string
}

variable "releases_bucket_arn" {
  description = "The bucket from which releases are deployed."
  type        = string
}

variable "functions_security_group_id" {
  description = "The functions' security group."
  type        = string
}

variable "private_subnet_ids" {
  description = "The functions' subnets."
  type        = list(string)
}

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
