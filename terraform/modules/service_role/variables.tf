variable "name" {
  description = "The role's name."
  type        = string
}

variable "description" {
  description = "Who it is for, and what it is for."
  type        = string
  default     = null
}

variable "service" {
  description = "The AWS service that takes the role, such as `rds.amazonaws.com`."
  type        = string
}

variable "own_account_only" {
  description = "Whether the service says for which account it acts, so that only ours is trusted."
  type        = bool
  default     = false
}

variable "policies" {
  description = "What the role may do: policies as JSON, by name."
  type        = map(string)
  default     = {}
}
