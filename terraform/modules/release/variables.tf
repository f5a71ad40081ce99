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
