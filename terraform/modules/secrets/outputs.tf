output "key_arns" {
  description = "The keys that encrypt data, secrets, and log groups and topics."
  value = {
    data    = module.data_key.arn
    secrets = module.secrets_key.arn
    logs    = module.logs_key.arn
  }
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
