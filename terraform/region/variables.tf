variable "region" {
  description = "Where it runs: the living region, or the one that recovers."
  type        = string
  default     = "ca-central-1"

  validation {
    condition     = contains(["ca-central-1", "ca-west-1"], var.region)
    error_message = "Data stays in Canada."
  }
}

variable "copies_region" {
  description = "Where copies for recovery go."
  type        = string
  default     = "ca-west-1"

  validation {
    condition     = contains(["ca-central-1", "ca-west-1"], var.copies_region) && var.copies_region != var.region
    error_message = "The other Canadian region."
  }
}

variable "copy_backups" {
  description = "Whether copies go to the other region; not while that one is lost."
  type        = bool
  default     = true
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
  description = "The availability zones, as the letters after the region's name."
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

variable "origin_secret" {
  description = "The number of the newest origin secret that the functions accept, and of the one that CloudFront sends."
  type        = object({ accepted = number, sent = number })
  default     = { accepted = 1, sent = 1 }
}

variable "concurrency" {
  description = "How many of each function run at once: template.yaml's reserved concurrency; a check compares them."
  type        = map(number)
}

variable "backup" {
  description = <<-TEXT
    When buckets are copied, in AWS's cron and UTC; within how many hours one copy must have been completed; how many days
    copies are kept; and after how many days of trial nobody can unlock the vault of copies any more, null for never.
  TEXT
  type = object({
    schedule        = string
    hours           = number
    keep_days       = number
    lock_after_days = optional(number)
  })
}

variable "alarm_emails" {
  description = "Who is told of alarms by e-mail."
  type        = set(string)
}

variable "pager_endpoint" {
  description = "The HTTPS address of the pager that critical alarms wake; null for none."
  type        = string
  default     = null
}
