output "vault_name" {
  description = "The vault's name."
  value       = aws_backup_vault.this.name
}

output "role_arn" {
  description = "The role that restores; for the runbooks."
  value       = module.backup_role.role.arn
}
