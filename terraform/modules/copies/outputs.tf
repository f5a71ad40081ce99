output "vault_arn" {
  description = "The vault of copies."
  value       = aws_backup_vault.this.arn
}
