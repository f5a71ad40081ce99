output "cloudformation_role_arn" {
  description = "The role by which CloudFormation makes a release."
  value       = aws_iam_role.cloudformation.arn
}
