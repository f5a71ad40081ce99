output "public_url" {
  description = "Where the API answers."
  value       = module.edge.public_url
}

output "deploy_role_arn" {
  description = "For GitHub's environment variable AWS_ROLE_ARN."
  value       = module.access.deploy_role_arn
}

output "database_admin_secret_arn" {
  description = "The database administrator's password; for the runbooks."
  value       = module.database.admin_secret_arn
}

output "backup_role_arn" {
  description = "The role that restores from a backup; for the runbooks."
  value       = module.backup.role_arn
}

output "backup_vault_name" {
  description = "The vault of backups, of this name in both regions; for the runbooks."
  value       = module.backup.vault_name
}

output "firewall_name" {
  description = "The firewall; for the runbooks."
  value       = module.edge.firewall_name
}
