variable "name" {
  description = "What everything here is called: `berthcare-{environment}`."
  type        = string
}

variable "keep_days" {
  description = "How long a copy is kept at least."
  type        = number
}

variable "vault_lock_after_days" {
  description = "For how many days of trial the vault's lock can be changed, from the day on that this is set; null while it can always be."
  type        = number
  default     = null

  validation {
    condition     = var.vault_lock_after_days == null || try(var.vault_lock_after_days >= 3, false)
    error_message = "AWS wants three days of trial at least."
  }
}

variable "database_arn" {
  description = "The database whose backups are replicated."
  type        = string
}

variable "database_backup_days" {
  description = "How far back a restore to a point in time can go."
  type        = number
}
