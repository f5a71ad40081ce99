output "vault_name" {
  description = "The vault's name, the same in both regions."
  value       = aws_backup_vault.here.name
}

output "role_arn" {
  description = "The role that restores; for the runbooks."
  value       = aws_iam_role.backup.arn
}
