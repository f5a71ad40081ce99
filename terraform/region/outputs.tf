output "backup_role_arn" {
  description = "The role that restores from a backup; for the runbooks."
  value       = module.backup.role_arn
}
