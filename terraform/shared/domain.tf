variable "domain_name" {
  description = "The API's public name, such as api.berthcare.ca."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.domain_name))
    error_message = "A name of a host, in lower case."
  }
}
