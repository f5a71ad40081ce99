variable "environment" {
  description = "Which environment this is."
  type        = string
}

variable "region" {
  description = "The region, which the buckets' names carry: those are one for all regions together."
  type        = string
}

variable "trail_name" {
  description = "The record of AWS calls that is delivered here."
  type        = string
}

variable "data_key_arn" {
  description = "The key that encrypts data."
  type        = string
}

variable "anchor_lock_days" {
  description = "For how many days nobody can delete an anchor of the audit chain: seven years where the record counts."
  type        = number

  validation {
    condition     = var.anchor_lock_days >= 1
    error_message = "An anchor that can be deleted proves nothing."
  }
}

variable "portal_origins" {
  description = "The web portal's origins, whose pages upload photos from a browser; none where there is no portal."
  type        = list(string)

  validation {
    condition     = alltrue([for origin in var.portal_origins : can(regex("^https://[a-z0-9.-]+$", origin))])
    error_message = "An origin is https:// and a host, without a path."
  }
}
