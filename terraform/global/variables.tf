variable "hosted_zone_id" {
  description = "The Route 53 zone that holds the name."
  type        = string
}

variable "github_repositories" {
  description = <<-TEXT
    The repository whose workflows may deploy, as GitHub's tokens name it: `owner@id/name@id` of one made since July 2026,
    `owner/name` of an older one. Both, while one changes to the other.
  TEXT
  type        = list(string)

  validation {
    condition     = length(var.github_repositories) > 0 && alltrue([for name in var.github_repositories : can(regex("^[A-Za-z0-9-]+(@[0-9]+)?/[A-Za-z0-9_.-]+(@[0-9]+)?$", name))])
    error_message = "As owner@id/name@id, or owner/name."
  }
}

variable "alarm_emails" {
  description = "Who is told by e-mail what costs more than it should."
  type        = set(string)
}

variable "budget_usd" {
  description = "What a month may cost, in US dollars; docs/cost.md says of what."
  type        = number
}
