output "function_boundary_arn" {
  description = "The upper bound of each function's role."
  value       = aws_iam_policy.boundary.arn
}

output "delivery_boundary_arn" {
  description = "The upper bound of CodeDeploy's and the scheduler's roles."
  value       = aws_iam_policy.delivery_boundary.arn
}

output "function_vpc_policy_arn" {
  description = "Lets Lambda attach a function to the VPC."
  value       = aws_iam_policy.vpc.arn
}

output "deploy_role_arn" {
  description = "The role of GitHub's workflows."
  value       = aws_iam_role.deploy.arn
}

output "cloudformation_role_arn" {
  description = "The role by which CloudFormation makes a release."
  value       = aws_iam_role.cloudformation.arn
}
