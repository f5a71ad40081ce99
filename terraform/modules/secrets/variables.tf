variable "readers" {
  description = "By secret, the functions that may read it; nobody else may."
  type        = map(list(string))
}

variable "origin_secret" {
  description = "The number of the newest origin secret that the functions accept (beside the one before it), and of the one that CloudFront sends."
  type        = object({ accepted = number, sent = number })

  validation {
    condition     = contains([0, 1], var.origin_secret.accepted - var.origin_secret.sent) && var.origin_secret.sent >= 1
    error_message = "CloudFront sends the newest accepted secret or the one before it, counted from 1."
  }
}
