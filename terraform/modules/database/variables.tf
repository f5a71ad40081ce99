variable "name" {
  description = "What everything here is called: `berthcare-{environment}`."
  type        = string
}

variable "global_name" {
  description = "The same with the region, for what is named once in all regions together."
  type        = string
}

variable "instance_class" {
  description = "The instance's class."
  type        = string

  validation {
    condition     = can(regex("^db\\.[a-z0-9]+g[a-z]*\\.[a-z0-9]+$", var.instance_class))
    error_message = "A Graviton class, such as db.t4g.medium."
  }
}

variable "storage_gb" {
  description = "The storage at first, in GB."
  type        = number

  validation {
    condition     = var.storage_gb >= 20
    error_message = "gp3 begins at 20 GB."
  }
}

variable "storage_limit_gb" {
  description = "What the storage may grow to, in GB."
  type        = number

  validation {
    condition     = var.storage_limit_gb > var.storage_gb
    error_message = "The limit lies above the storage at first."
  }
}

variable "backup_days" {
  description = "How far back a restore to a point in time can go."
  type        = number

  validation {
    condition     = var.backup_days >= 7 && var.backup_days <= 35
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

variable "log_retention_days" {
  description = "How long the database's logs are kept."
  type        = number
  default     = 365
}
