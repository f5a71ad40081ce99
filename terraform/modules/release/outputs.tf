output "cloudformation_role_arn" {
  description = "The role by which CloudFormation makes a release."
  value       = module.cloudformation_role.role.arn
}
