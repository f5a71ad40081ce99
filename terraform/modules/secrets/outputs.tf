output "data_key_arn" {
  description = "The key that encrypts data."
  value       = module.data_key.arn
}

output "secrets_key_arn" {
  description = "The key that encrypts secrets."
  value       = module.secrets_key.arn
}

output "logs_key_arn" {
  description = "The key that encrypts log groups and topics."
  value       = module.logs_key.arn
}

output "arns" {
  description = "The secrets' ARNs, by name without the environment."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }
}

output "origin_secret_sent" {
  description = "What CloudFront sends to the origin."
  value       = random_password.origin[var.origin_secret.sent].result
  sensitive   = true
}
