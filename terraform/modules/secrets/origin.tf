# What CloudFront sends and the functions ask for, so that nobody goes around the firewall. Two are valid at once: raise
# `accepted` first, and `sent` when every function has read the new one (ten minutes).

locals {
  origin_secrets = toset([for version in [var.origin_secret.accepted, var.origin_secret.accepted - 1] : tostring(version)])
}

# CloudFront's configuration holds it in clear text anyway, so Terraform's state, encrypted and private, may too.
resource "random_password" "origin" {
  for_each = local.origin_secrets

  length  = 48
  special = false
}

# Write-only: Terraform may not read this secret any more than anybody else, and from provider 6.27 on doesn't try to.
resource "aws_secretsmanager_secret_version" "origin" {
  secret_id                = aws_secretsmanager_secret.this["origin"].id
  secret_string_wo_version = var.origin_secret.accepted
  secret_string_wo = jsonencode({
    current  = random_password.origin[var.origin_secret.accepted].result
    previous = random_password.origin[var.origin_secret.accepted - 1].result
  })
}
