variable "name" {
  description = "The key's alias, without `alias/`."
  type        = string

  validation {
    condition     = startswith(var.name, "berthcare-") && var.name == lower(var.name)
    error_message = "The alias begins with berthcare- and is in lower case."
  }
}

variable "description" {
  description = "What the key encrypts."
  type        = string
}

variable "services" {
  description = "AWS services that use the key, by statement id, each held to a condition on where the call comes from, as far as AWS documents one."
  type = map(object({
    principal = string
    condition = optional(object({ test = string, variable = string, values = list(string) }))
  }))
  default = {}
}
