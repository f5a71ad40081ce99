# The alarms' thresholds, as the specification's table has them.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_region" {
    defaults = { region = "ca-central-1" }
  }
}

variables {
  context = {
    environment = "staging"
    name        = "berthcare-staging"
    global_name = "berthcare-staging-ca-central-1"
  }
  concurrency          = { auth = 60, visits = 40 }
  database_instance_id = "berthcare-staging"
  database_proxy_name  = "berthcare-staging"
  ephemeral_table      = "berthcare-staging-ephemeral"
  access_logs_bucket   = "berthcare-access-logs-staging-ca-central-1"
  logs_key_arn         = "arn:aws:kms:ca-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  ephemeral_operations = ["GetItem", "PutItem"]
  anchors_bucket_arn   = "arn:aws:s3:::berthcare-anchors-staging-ca-central-1"
  backup_vault         = "berthcare-staging"
  backup_hours         = 26
  emails               = ["oncall@example.ca"]
}

run "thresholds" {
  command = plan

  assert {
    condition = { for name, alarm in aws_cloudwatch_metric_alarm.this : name => alarm.threshold } == {
      alert-unacknowledged   = 600
      database-connections   = 80
      database-cpu           = 80
      database-memory        = 536870912
      database-storage       = 10737418240
      dead-letters           = 0
      outbox-age             = 120
      privacy-overdue        = 0
      proxy-borrowing        = 100000
      proxy-clients          = 80
      refused-secret-reads   = 0
      table-reads-throttled  = 0
      table-writes-throttled = 0
    }
    error_message = "A threshold is not the specification's."
  }

  assert {
    condition     = alltrue([for name in ["database-memory", "database-storage"] : aws_cloudwatch_metric_alarm.this[name].comparison_operator == "LessThanThreshold"])
    error_message = "Memory and storage alarm when there is too little."
  }

  assert {
    condition     = alltrue([for name in ["outbox-age", "alert-unacknowledged"] : aws_cloudwatch_metric_alarm.this[name].treat_missing_data == "breaching"])
    error_message = "A job that reports nothing is dead."
  }

  assert {
    condition     = alltrue([for function in keys(var.concurrency) : aws_cloudwatch_metric_alarm.function_errors[function].threshold == 1 && aws_cloudwatch_metric_alarm.function_throttles[function].threshold == 0])
    error_message = "Each function alarms on 1 % of errors and on any throttle."
  }
}

run "looks_back_a_week_at_most" {
  command = plan

  assert {
    condition     = alltrue([for alarm in merge(aws_cloudwatch_metric_alarm.job_absent, aws_cloudwatch_metric_alarm.no_backup) : alarm.period * alarm.evaluation_periods <= 604800 && alarm.treat_missing_data == "breaching"])
    error_message = "CloudWatch refuses an alarm that looks back further than seven days; and where nothing came, that is the alarm."
  }

  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.job_absent) == keys(aws_cloudwatch_metric_alarm.job_failed)
    error_message = "A job has both alarms."
  }
}
