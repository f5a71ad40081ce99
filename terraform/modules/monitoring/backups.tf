# Backups: what failed is told at once, and what did not come is an alarm of its own.

locals {
  backup_namespace  = "BerthCare/Backups"
  database_finished = "DatabaseBackups"

  failures = {
    backup-job   = { source = ["aws.backup"], detail-type = ["Backup Job State Change"], detail = { state = ["ABORTED", "EXPIRED", "FAILED", "PARTIAL"] } }
    copy-job     = { source = ["aws.backup"], detail-type = ["Copy Job State Change"], detail = { state = ["FAILED", "PARTIAL"] } }
    restore-job  = { source = ["aws.backup"], detail-type = ["Restore Job State Change"], detail = { status = ["ABORTED", "FAILED"] } }
    database     = { source = ["aws.rds"], detail-type = ["RDS DB Instance Event"], detail = { EventCategories = ["failover", "failure", "low storage", "recovery"] } }
    intrusion    = { source = ["aws.guardduty"], detail-type = ["GuardDuty Finding"], detail = { severity = [{ numeric = [">=", 4] }] } }
    public-grant = { source = ["aws.access-analyzer"], detail-type = ["Access Analyzer Finding"], detail = { status = ["ACTIVE"] } }
  }

  # Where the last one must have been completed within so many hours.
  completions = {
    buckets  = { says = "of a bucket", namespace = "AWS/Backup", metric = "NumberOfBackupJobsCompleted", dimensions = { BackupVaultName = var.backup_vault }, hours = var.backup_hours }
    copies   = { says = "to the other region", namespace = "AWS/Backup", metric = "NumberOfCopyJobsCompleted", dimensions = { BackupVaultName = var.backup_vault }, hours = var.backup_hours }
    database = { says = "of the database", namespace = local.backup_namespace, metric = local.database_finished, dimensions = {}, hours = 26 }
  }
}

resource "aws_cloudwatch_event_rule" "failure" {
  for_each = local.failures

  name          = "${var.context.name}-${each.key}"
  description   = "Tells the alarms' topic"
  event_pattern = jsonencode(each.value)
}

resource "aws_cloudwatch_event_target" "failure" {
  for_each = local.failures

  rule = aws_cloudwatch_event_rule.failure[each.key].name
  arn  = module.topic.arn
}

# RDS tells of a finished backup as an event alone; out of the log of those comes a number.
resource "aws_cloudwatch_event_rule" "database_backup" {
  name          = "${var.context.name}-database-backup"
  description   = "Notes each finished backup of the database"
  event_pattern = jsonencode({ source = ["aws.rds"], detail-type = ["RDS DB Instance Event"], detail = { EventID = ["RDS-EVENT-0002"] } })
}

resource "aws_cloudwatch_log_group" "database_backups" {
  # checkov:skip=CKV_AWS_338:One line a day, of which a number is made at once.
  name              = "/aws/events/${var.context.name}-database-backups"
  retention_in_days = 90
  kms_key_id        = var.logs_key_arn
}

data "aws_iam_policy_document" "database_backups" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.database_backups.arn}:*"]

    principals {
      type        = "Service"
      identifiers = ["delivery.logs.amazonaws.com", "events.amazonaws.com"]
    }
  }
}

resource "aws_cloudwatch_log_resource_policy" "database_backups" {
  policy_name     = "${var.context.name}-database-backups"
  policy_document = data.aws_iam_policy_document.database_backups.json
}

resource "aws_cloudwatch_event_target" "database_backup" {
  rule = aws_cloudwatch_event_rule.database_backup.name
  arn  = aws_cloudwatch_log_group.database_backups.arn

  depends_on = [aws_cloudwatch_log_resource_policy.database_backups]
}

resource "aws_cloudwatch_log_metric_filter" "database_backups" {
  name           = local.database_finished
  log_group_name = aws_cloudwatch_log_group.database_backups.name
  pattern        = "{ $.detail.EventID = \"RDS-EVENT-0002\" }"

  metric_transformation {
    namespace = local.backup_namespace
    name      = local.database_finished
    value     = "1"
  }
}

resource "aws_cloudwatch_metric_alarm" "no_backup" {
  for_each = local.completions

  alarm_name          = "${var.context.name}-no-backup-${each.key}"
  alarm_description   = "[critical] No backup ${each.value.says} was completed for ${each.value.hours} h. Runbook: README, backups."
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = each.value.hours
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [module.topic.arn]
  ok_actions          = [module.topic.arn]

  tags = { Severity = "critical" }
}

# Intruders, as AWS sees them in calls and addresses.
resource "aws_guardduty_detector" "this" {
  # checkov:skip=CKV2_AWS_3:There is no organisation: each environment is an account of its own, and this is its
  # detector.
  enable                       = true
  finding_publishing_frequency = "FIFTEEN_MINUTES"
}

# Whatever in this account somebody outside it may reach.
resource "aws_accessanalyzer_analyzer" "this" {
  analyzer_name = var.context.name
  type          = "ACCOUNT"
}
