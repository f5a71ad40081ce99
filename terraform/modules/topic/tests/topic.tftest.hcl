# Who hears of an alarm.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  name           = "berthcare-staging-alerts"
  key_arn        = "arn:aws:kms:ca-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  emails         = ["oncall@example.ca"]
  pager_endpoint = "https://pager.example.ca/berthcare"
}

run "the_pager_hears_what_is_critical" {
  command = plan

  assert {
    condition     = jsondecode(aws_sns_topic_subscription.pager[0].filter_policy) == { AlarmDescription = [{ prefix = "[critical]" }] }
    error_message = "An alarm's severity stands at the head of its description."
  }
}

run "an_alarm_that_nobody_hears_is_none" {
  command = plan

  variables {
    emails = []
  }

  expect_failures = [var.emails]
}
