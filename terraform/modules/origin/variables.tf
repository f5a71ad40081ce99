variable "domain_name" {
  description = "The API's public name, such as api.berthcare.ca."
  type        = string
}
