variable "serving_region" {
  description = "The region behind CloudFront."
  type        = string
  default     = "ca-central-1"

  validation {
    condition     = contains(["ca-central-1", "ca-west-1"], var.serving_region)
    error_message = "Data stays in Canada."
  }
}

variable "hosted_zone_id" {
  description = "The Route 53 zone that holds the name."
  type        = string
}

variable "requests_per_five_minutes" {
  description = "How many requests one address may make in five minutes."
  type        = number

  validation {
    condition     = var.requests_per_five_minutes >= 100
    error_message = "One phone's first sync and a day's visits take more than that."
  }
}

variable "maintenance" {
  description = "Whether the API answers 503 with Retry-After to all but alerts, Twilio and what keeps people signed in."
  type        = bool
  default     = false
}

variable "alarm_emails" {
  description = "Who is told of alarms by e-mail."
  type        = set(string)
}

variable "pager_endpoint" {
  description = "The HTTPS address of the pager that critical alarms wake; null for none."
  type        = string
  default     = null
}
