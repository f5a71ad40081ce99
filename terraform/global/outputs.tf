output "deploy_role_arn" {
  description = "For GitHub's environment variable AWS_ROLE_ARN."
  value       = aws_iam_role.deploy.arn
}
