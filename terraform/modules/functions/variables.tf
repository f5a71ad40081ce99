variable "functions" {
  description = "The functions and what each may do; see terraform/region/functions.tf."
  type = map(object({
    database_user = optional(string)
    secrets       = list(string)
    table         = list(string)
    objects       = list(object({ action = string, bucket = string, keys = string }))
    invokes       = list(string)
    sockets       = optional(bool, false)
    tries         = optional(list(string), [])
    events        = bool
  }))
}

variable "secret_arns" {
  description = "The secrets' ARNs, by name without the environment."
  type        = map(string)
}

variable "table_arn" {
  description = "The table of what expires."
  type        = string
}

variable "bucket_arns" {
  description = "The buckets' ARNs, by what they hold."
  type        = map(string)
}

variable "proxy_resource_id" {
  description = "The database's proxy as `rds-db:connect` names it."
  type        = string
}

variable "security_group_id" {
  description = "The functions' security group."
  type        = string
}

variable "subnet_ids" {
  description = "The functions' subnets."
  type        = list(string)
}

variable "dead_letters_key_arn" {
  description = "The key that encrypts dead letters."
  type        = string
}

variable "realtime_api_arn" {
  description = "The WebSocket API as `execute-api` names it."
  type        = string
}
