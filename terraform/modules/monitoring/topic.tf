# Whom alarms call. CloudFront's metrics live in us-east-1, and an alarm tells only topics of its own region: so there are
# two topics of one name, and neither ever carries personal data.

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  region  = data.aws_region.current.region

  tellers = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com", "backup.amazonaws.com"]
}

resource "aws_sns_topic" "alerts" {
  name              = "${var.name}-alerts"
  kms_master_key_id = var.logs_key_arn
}

data "aws_iam_policy_document" "topic" {
  statement {
    sid       = "AlarmsBudgetsAndBackups"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alerts.arn]

    principals {
      type        = "Service"
      identifiers = local.tellers
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_sns_topic_policy" "alerts" {
  arn    = aws_sns_topic.alerts.arn
  policy = data.aws_iam_policy_document.topic.json
}

resource "aws_sns_topic_subscription" "alerts" {
  for_each = var.emails

  topic_arn = aws_sns_topic.alerts.arn
  protocol  = "email"
  endpoint  = each.key
}

module "edge_key" {
  source    = "../key"
  providers = { aws = aws.us_east_1 }

  name        = "${var.name}-edge-alerts"
  description = "The topic of CloudFront's alarms"
  services = {
    AlarmsToTopic = {
      principal = "cloudwatch.amazonaws.com"
      condition = { test = "StringEquals", variable = "aws:SourceAccount", values = [local.account] }
    }
  }
}

resource "aws_sns_topic" "edge" {
  provider = aws.us_east_1

  name              = "${var.name}-alerts"
  kms_master_key_id = module.edge_key.arn
}

resource "aws_sns_topic_subscription" "edge" {
  for_each = var.emails
  provider = aws.us_east_1

  topic_arn = aws_sns_topic.edge.arn
  protocol  = "email"
  endpoint  = each.key
}
