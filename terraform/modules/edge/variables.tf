variable "name" {
  description = "What everything here is called: `berthcare-{environment}`."
  type        = string
}

variable "domain_name" {
  description = "The API's public name, such as api.berthcare.ca."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.domain_name))
    error_message = "A name of a host, in lower case."
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

variable "origin_secret" {
  description = "What CloudFront sends to the origin, so that nobody else may."
  type        = string
  sensitive   = true
}
