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

mock_provider "aws" {
  alias = "us_east_1"

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

variables {
  environment          = "staging"
  name                 = "berthcare-staging"
  functions            = ["auth", "visits"]
  function_concurrency = 100
  database_instance_id = "berthcare-staging"
  database_proxy_name  = "berthcare-staging"
  ephemeral_table      = "berthcare-staging-ephemeral"
  distribution_id      = "E0123456789"
  access_logs_bucket   = "berthcare-access-logs-staging-ca-central-1"
  logs_key_arn         = "arn:aws:kms:ca-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
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
    condition     = alltrue([for function in var.functions : aws_cloudwatch_metric_alarm.function_errors[function].threshold == 1 && aws_cloudwatch_metric_alarm.function_throttles[function].threshold == 0])
    error_message = "Each function alarms on 1 % of errors and on any throttle."
  }
}

run "an_alarm_that_nobody_hears_is_none" {
  command = plan

  variables {
    emails = []
  }

  expect_failures = [var.emails]
}
