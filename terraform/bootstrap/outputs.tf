output "state_buckets" {
  description = "Where Terraform's state lies, by region; the runbooks read it from a parameter."
  value       = { ca-central-1 = module.state.name, ca-west-1 = module.state_copy.name }
}
