variable "cidr" {
  description = "The VPC's addresses; the subnets are /24 of it."
  type        = string

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "The VPC takes a /16, such as 10.0.0.0/16."
  }
}

variable "zones" {
  description = "The availability zones, two or three; each holds one subnet of each kind."
  type        = list(string)

  validation {
    condition     = contains([2, 3], length(var.zones)) && length(distinct(var.zones)) == length(var.zones)
    error_message = "Two or three zones, each once."
  }

  validation {
    condition     = alltrue([for zone in var.zones : startswith(zone, "ca-")])
    error_message = "Data stays in Canada."
  }
}

variable "egress_per_zone" {
  description = "Whether each zone has a NAT gateway and an endpoint of its own, so that a zone can fail alone; else those of the first zone serve all, for less."
  type        = bool
}

variable "logs_key_arn" {
  description = "The key that encrypts log groups."
  type        = string
}

variable "log_retention_days" {
  description = "How long flow logs are kept."
  type        = number
  default     = 365
}
