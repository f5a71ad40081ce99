# Copies of the database and of both buckets, here and in the second Canadian region.

data "aws_caller_identity" "current" {}

module "key" {
  source = "../key"

  name        = "${var.name}-backup"
  description = "Backups"
}

module "recovery_key" {
  source    = "../key"
  providers = { aws = aws.recovery }

  name        = "${var.name}-backup"
  description = "Backups, in the second region"
}

resource "aws_backup_vault" "here" {
  name        = var.name
  kms_key_arn = module.key.arn
}

resource "aws_backup_vault" "recovery" {
  provider = aws.recovery

  name        = var.name
  kms_key_arn = module.recovery_key.arn
}

# Nobody shortens a copy's life, whoever stole which key.
resource "aws_backup_vault_lock_configuration" "recovery" {
  provider = aws.recovery

  backup_vault_name  = aws_backup_vault.recovery.name
  min_retention_days = var.keep_days
  max_retention_days = 365
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["backup.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_iam_role" "backup" {
  name               = "${var.name}-backup"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy_attachment" "backup" {
  for_each = toset([
    "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup",
    "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForRestores",
    "arn:aws:iam::aws:policy/AWSBackupServiceRolePolicyForS3Backup",
    "arn:aws:iam::aws:policy/AWSBackupServiceRolePolicyForS3Restore",
  ])

  role       = aws_iam_role.backup.name
  policy_arn = each.key
}

resource "aws_backup_plan" "this" {
  name = var.name

  rule {
    rule_name         = "copies"
    target_vault_name = aws_backup_vault.here.name
    schedule          = var.schedule
    start_window      = 60
    completion_window = 180

    lifecycle {
      delete_after = var.keep_days
    }

    copy_action {
      destination_vault_arn = aws_backup_vault.recovery.arn

      lifecycle {
        delete_after = var.keep_days
      }
    }
  }
}

resource "aws_backup_selection" "this" {
  name         = var.name
  plan_id      = aws_backup_plan.this.id
  iam_role_arn = aws_iam_role.backup.arn
  resources    = var.resource_arns
}

resource "aws_backup_vault_notifications" "here" {
  backup_vault_name   = aws_backup_vault.here.name
  sns_topic_arn       = var.topic_arn
  backup_vault_events = ["BACKUP_JOB_FAILED", "BACKUP_JOB_EXPIRED", "COPY_JOB_FAILED"]
}
