# Every call to AWS, and a count of those that asked for a secret and were refused.

locals {
  security_namespace   = "BerthCare/Security"
  refused_secret_reads = "RefusedSecretReads"
}

resource "aws_cloudwatch_log_group" "trail" {
  name              = "/berthcare/${var.context.environment}/trail"
  retention_in_days = 365
  kms_key_id        = var.logs_key_arn
}

data "aws_iam_policy_document" "trail" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.trail.arn}:log-stream:${local.account}_CloudTrail_${local.region}*"]
  }
}

module "trail_role" {
  source = "../service_role"

  name     = "${var.context.global_name}-trail"
  service  = "cloudtrail.amazonaws.com"
  policies = { write-trail = data.aws_iam_policy_document.trail.json }
}

resource "aws_cloudtrail" "this" {
  # checkov:skip=CKV_AWS_252:The metric filter below tells of what matters; a topic for each delivered file would tell
  # nothing.
  name                          = var.context.global_name
  s3_bucket_name                = var.access_logs_bucket
  s3_key_prefix                 = "cloudtrail"
  is_multi_region_trail         = true
  include_global_service_events = true
  enable_log_file_validation    = true
  kms_key_id                    = var.logs_key_arn
  cloud_watch_logs_group_arn    = "${aws_cloudwatch_log_group.trail.arn}:*"
  cloud_watch_logs_role_arn     = module.trail_role.role.arn

  advanced_event_selector {
    name = "Management"

    field_selector {
      field  = "eventCategory"
      equals = ["Management"]
    }
  }

  # Who read, wrote or tried to delete an anchor. Reads of secrets are management events already.
  advanced_event_selector {
    name = "Anchors"

    field_selector {
      field  = "eventCategory"
      equals = ["Data"]
    }

    field_selector {
      field  = "resources.type"
      equals = ["AWS::S3::Object"]
    }

    field_selector {
      field       = "resources.ARN"
      starts_with = ["${var.anchors_bucket_arn}/"]
    }
  }
}

resource "aws_cloudwatch_log_metric_filter" "refused_secret_reads" {
  name           = local.refused_secret_reads
  log_group_name = aws_cloudwatch_log_group.trail.name
  pattern        = "{ ($.eventSource = \"secretsmanager.amazonaws.com\") && ($.eventName = \"*GetSecretValue\") && ($.errorCode = \"AccessDenied*\") }"

  metric_transformation {
    namespace     = local.security_namespace
    name          = local.refused_secret_reads
    value         = "1"
    default_value = "0"
  }
}
