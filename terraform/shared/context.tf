variable "context" {
  description = "The environment; what everything in it is called; and that with the region, for what all regions share."
  type        = object({ environment = string, name = string, global_name = string })
}
