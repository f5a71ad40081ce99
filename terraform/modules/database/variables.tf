variable "size" {
  description = "The database's size; storage in GB, backups in days."
  type = object({
    instance_class   = string
    storage_gb       = number
    storage_limit_gb = number
    backup_days      = number
  })

  validation {
    condition     = can(regex("^db\\.[a-z0-9]+g[a-z]*\\.[a-z0-9]+$", var.size.instance_class))
    error_message = "A Graviton class, such as db.t4g.medium."
  }

  validation {
    condition     = var.size.storage_gb >= 20 && var.size.storage_limit_gb > var.size.storage_gb
    error_message = "gp3 begins at 20 GB, and the limit lies above the storage at first."
  }

  validation {
    condition     = var.size.backup_days >= 7 && var.size.backup_days <= 35
    error_message = "RDS keeps 35 days at most; less than 7 is too little."
  }
}

variable "deletion_protection" {
  description = "Whether the instance refuses to be deleted."
  type        = bool
}

variable "proxy_connections_percent" {
  description = "Which part of the database's connections the proxy may take; the rest is for administrators."
  type        = number
  default     = 90

  validation {
    condition     = var.proxy_connections_percent >= 1 && var.proxy_connections_percent <= 100
    error_message = "A percentage."
  }
}

variable "users" {
  description = "As whom the proxy may sign in to the database: the database users of the functions."
  type        = set(string)
}

variable "subnet_ids" {
  description = "The database's subnets."
  type        = list(string)
}

variable "database_security_group_id" {
  description = "The database's security group."
  type        = string
}

variable "proxy_security_group_id" {
  description = "The proxy's security group."
  type        = string
}

variable "log_retention_days" {
  description = "How long the database's logs are kept."
  type        = number
  default     = 365
}
