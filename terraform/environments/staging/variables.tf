variable "environment" {
  description = "Which environment this is."
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

variable "domain_name" {
  description = "The API's public name, such as api.berthcare.ca."
  type        = string
}

variable "hosted_zone_id" {
  description = "The Route 53 zone that holds the name."
  type        = string
}

variable "github_repository" {
  description = "The repository whose workflows may deploy, as `owner/name`."
  type        = string
}

variable "alarm_emails" {
  description = "Who is told of alarms by e-mail."
  type        = set(string)
}

variable "portal_origins" {
  description = "The web portal's origins, such as https://portal.berthcare.ca."
  type        = list(string)
  default     = []
}

variable "cidr" {
  description = "The VPC's addresses."
  type        = string
}

variable "zones" {
  description = "The availability zones."
  type        = list(string)
}

variable "egress_per_zone" {
  description = "Whether each zone has a NAT gateway and an endpoint of its own."
  type        = bool
}

variable "database" {
  description = "The database's size; storage in GB, backups in days."
  type = object({
    instance_class   = string
    storage_gb       = number
    storage_limit_gb = number
    backup_days      = number
    replicas         = number
  })
}

variable "deletion_protection" {
  description = "Whether database and table refuse to be deleted."
  type        = bool
}

variable "anchor_lock_days" {
  description = "For how many days nobody can delete an anchor of the audit chain."
  type        = number
}

variable "requests_per_five_minutes" {
  description = "How many requests one address may make in five minutes."
  type        = number
}

variable "origin_secret" {
  description = "The number of the newest origin secret that the functions accept, and of the one that CloudFront sends."
  type        = object({ accepted = number, sent = number })
  default     = { accepted = 1, sent = 1 }
}

variable "functions" {
  description = "The functions of template.yaml."
  type        = set(string)
}

variable "function_concurrency" {
  description = "The sum of the reserved concurrency in template.yaml of the functions that hold a database connection; a check compares them."
  type        = number
}

variable "backup" {
  description = "When copies are made, in AWS's cron and UTC, and how many days they are kept."
  type        = object({ schedule = string, keep_days = number })
}

variable "budget_usd" {
  description = "What a month may cost, in US dollars; docs/cost.md says of what."
  type        = number
}
