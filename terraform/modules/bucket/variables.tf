variable "name" {
  description = "The bucket's name."
  type        = string

  validation {
    condition     = can(regex("^berthcare-[a-z0-9-]{3,53}$", var.name))
    error_message = "A bucket's name begins with berthcare- and has at most 63 lower-case letters, digits and hyphens."
  }
}

variable "key_arn" {
  description = "The key that encrypts the objects; null for S3's own key, where a service can't use ours."
  type        = string
  default     = null
}

variable "log_bucket" {
  description = "The bucket that takes this one's access logs; null for that bucket itself."
  type        = string
  default     = null
}

variable "takes_access_logs" {
  description = "Whether this is the bucket into which the others log."
  type        = bool
  default     = false
}

variable "lock_days" {
  description = "For how many days nobody can change or delete an object, the account's owner included; 0 for no lock."
  type        = number
  default     = 0

  validation {
    condition     = var.lock_days >= 0
    error_message = "A number of days is not negative."
  }
}

variable "cheaper_after_days" {
  description = "After how many days an object moves to Glacier Instant Retrieval; 0 for never."
  type        = number
  default     = 0

  validation {
    condition     = var.cheaper_after_days >= 0
    error_message = "A number of days is not negative."
  }
}

variable "expire_after_days" {
  description = "After how many days an object is deleted; 0 for never."
  type        = number
  default     = 0

  validation {
    condition     = var.expire_after_days >= 0
    error_message = "A number of days is not negative."
  }
}

variable "keep_older_versions_days" {
  description = "For how many days a deleted or overwritten object can be had back."
  type        = number
  default     = 30

  validation {
    condition     = var.keep_older_versions_days >= 1
    error_message = "An older version is kept for a day at least."
  }
}

variable "passing_prefixes" {
  description = "Prefixes whose objects are of passing use, with the days after which each is deleted for good."
  type        = map(number)
  default     = {}
}

variable "policy_documents" {
  description = "Statements of the bucket's policy beyond TLS, as JSON documents."
  type        = list(string)
  default     = []
}
