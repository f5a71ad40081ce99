output "role" {
  description = "The role, once it may do what it is for: its name and ARN."
  value       = { name = aws_iam_role.this.name, arn = aws_iam_role.this.arn }
  depends_on  = [aws_iam_role_policy.this]
}
