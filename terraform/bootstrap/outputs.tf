output "backend" {
  description = "What terraform/environments/{environment}/backend.hcl holds."
  value       = <<-HCL
    bucket     = "${module.state.name}"
    kms_key_id = "${module.key.arn}"
  HCL
}

output "copy_bucket" {
  description = "The state's copy in ca-west-1; for docs/runbooks/region-loss.md."
  value       = module.state_copy.name
}
