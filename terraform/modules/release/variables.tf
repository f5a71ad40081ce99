variable "context" {
  description = "The environment; what everything in it is called; and that with the region, for what all regions share."
  type        = object({ environment = string, name = string, global_name = string })
}

variable "releases_bucket_arn" {
  description = "The bucket from which releases are deployed."
  type        = string
}

variable "dead_letters_arn" {
  description = "The queue of events that could not be delivered."
  type        = string
}

variable "data_key_arn" {
  description = "The key that encrypts releases and dead letters."
  type        = string
}
