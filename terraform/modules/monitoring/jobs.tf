# Each scheduled job has two alarms: one where a run failed, one where none succeeded for longer than its schedule
# allows.

locals {
  # By job, the hours within which one run must have succeeded; a week is the most that an alarm looks back.
  jobs = {
    audit-anchor     = 26
    audit-seal       = 3
    audit-verify     = 120
    care-team-grants = 1
    clean-up         = 26
    dispatch         = 1
    escalate         = 1
    exports          = 1
    family-sms       = 1
    late-visits      = 1
    orphaned-uploads = 26
    privacy-due      = 3
    receipts         = 1
    retention        = 26
  }

  # By job, the function that runs it, where that isn't `jobs`.
  elsewhere = { escalate = "urgent", exports = "exports" }
}

resource "aws_cloudwatch_metric_alarm" "job_failed" {
  for_each = local.jobs

  alarm_name          = "${var.context.name}-job-${each.key}-failed"
  alarm_description   = "[high] The job ${each.key} failed, for one agency or more. Runbook: stuck outbox, step 1."
  namespace           = "BerthCare/API"
  metric_name         = "ErrorCount"
  dimensions          = { Function = lookup(local.elsewhere, each.key, "jobs"), Route = "EVENT ${each.key}" }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [module.topic.arn]
  ok_actions          = [module.topic.arn]

  tags = { Severity = "high" }
}

resource "aws_cloudwatch_metric_alarm" "job_absent" {
  for_each = local.jobs

  alarm_name          = "${var.context.name}-job-${each.key}-absent"
  alarm_description   = "[high] The job ${each.key} did not run for ${each.value} h. Runbook: stuck outbox, step 1."
  namespace           = "BerthCare/API"
  metric_name         = "JobDuration"
  dimensions          = { Job = each.key }
  statistic           = "SampleCount"
  period              = 3600
  evaluation_periods  = each.value
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [module.topic.arn]
  ok_actions          = [module.topic.arn]

  tags = { Severity = "high" }
}
