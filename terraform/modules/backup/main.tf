# Copies of both buckets and, once a week, of the database, kept where a mistake of ours doesn't reach; and a restore of
# each, tried every month. The database's own backups, by which it goes back to a minute, are RDS's;
# terraform/modules/copies has them in the other region.

module "key" {
  source = "../key"

  name        = "${var.context.name}-backup"
  description = "Backups"
}

resource "aws_backup_vault" "this" {
  name        = var.context.name
  kms_key_arn = module.key.arn
}

module "backup_role" {
  source = "../service_role"

  name    = "${var.context.global_name}-backup"
  service = "backup.amazonaws.com"
}

resource "aws_iam_role_policy_attachment" "backup" {
  for_each = toset([
    "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup",
    "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForRestores",
    "arn:aws:iam::aws:policy/AWSBackupServiceRolePolicyForS3Backup",
    "arn:aws:iam::aws:policy/AWSBackupServiceRolePolicyForS3Restore",
  ])

  role       = module.backup_role.role.name
  policy_arn = each.key
}

locals {
  plans = {
    # Away from RDS's own window, 05:00 to 06:00, and from that of maintenance, Sunday 07:00 to 08:00: both refuse a
    # backup.
    buckets  = { schedule = var.schedule, resources = var.bucket_arns }
    database = { schedule = "cron(0 12 ? * WED *)", resources = [var.database_arn] }
  }
}

resource "aws_backup_plan" "this" {
  for_each = local.plans

  name = "${var.context.name}-${each.key}"

  rule {
    rule_name         = "copies"
    target_vault_name = aws_backup_vault.this.name
    schedule          = each.value.schedule
    start_window      = 60
    completion_window = 180

    lifecycle {
      delete_after = var.keep_days
    }

    dynamic "copy_action" {
      for_each = var.copies_vault[*]

      content {
        destination_vault_arn = copy_action.value

        lifecycle {
          delete_after = var.keep_days
        }
      }
    }
  }
}

resource "aws_backup_selection" "this" {
  for_each = local.plans

  name         = "${var.context.name}-${each.key}"
  plan_id      = aws_backup_plan.this[each.key].id
  iam_role_arn = module.backup_role.role.arn
  resources    = each.value.resources
}

# On the first of each month, of what the vault has newest; AWS Backup removes again what it restored.
resource "aws_backup_restore_testing_plan" "monthly" {
  name                = replace(var.context.name, "-", "_")
  schedule_expression = "cron(0 14 1 * ? *)"
  start_window_hours  = 2

  recovery_point_selection {
    algorithm             = "LATEST_WITHIN_WINDOW"
    include_vaults        = [aws_backup_vault.this.arn]
    recovery_point_types  = ["SNAPSHOT"]
    selection_window_days = 14
  }
}

resource "aws_backup_restore_testing_selection" "monthly" {
  for_each = {
    # The smaller bucket: a restore is paid for by the gigabyte.
    bucket = { type = "S3", arns = [var.documents_bucket_arn], overrides = {} }
    database = {
      type      = "RDS"
      arns      = [var.database_arn]
      overrides = { dbsubnetgroupname = var.database_subnet_group, multiaz = "false" }
    }
  }

  name                       = each.key
  restore_testing_plan_name  = aws_backup_restore_testing_plan.monthly.name
  protected_resource_type    = each.value.type
  protected_resource_arns    = each.value.arns
  iam_role_arn               = module.backup_role.role.arn
  restore_metadata_overrides = each.value.overrides
}
