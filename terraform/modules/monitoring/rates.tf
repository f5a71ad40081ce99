# Alarms that put several metrics together.

locals {
  functions = sort(keys(var.concurrency))
}

# A function's errors, as part of its invocations.
resource "aws_cloudwatch_metric_alarm" "function_errors" {
  for_each = toset(local.functions)

  alarm_name          = "${var.context.name}-${each.key}-errors"
  alarm_description   = "[high] Over 1 % of the invocations of ${each.key} fail. Runbook: rollback of a release."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 1
  evaluation_periods  = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = [module.topic.arn]
  ok_actions          = [module.topic.arn]

  metric_query {
    id          = "rate"
    label       = "Failed invocations, in percent"
    expression  = "IF(invocations > 0, 100 * errors / invocations, 0)"
    return_data = true
  }

  metric_query {
    id = "errors"

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      dimensions  = { FunctionName = "${var.context.name}-${each.key}" }
      stat        = "Sum"
      period      = 300
    }
  }

  metric_query {
    id = "invocations"

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Invocations"
      dimensions  = { FunctionName = "${var.context.name}-${each.key}" }
      stat        = "Sum"
      period      = 300
    }
  }

  tags = { Severity = "high" }
}

resource "aws_cloudwatch_metric_alarm" "function_throttles" {
  for_each = toset(local.functions)

  alarm_name          = "${var.context.name}-${each.key}-throttles"
  alarm_description   = "[high] Lambda turned requests to ${each.key} away: its reserved concurrency is used up."
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = "${var.context.name}-${each.key}" }
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

# DynamoDB counts its own faults by operation only.
resource "aws_cloudwatch_metric_alarm" "table_faults" {
  alarm_name          = "${var.context.name}-table-faults"
  alarm_description   = "[high] DynamoDB fails: people can't sign in or stay signed in."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [module.topic.arn]
  ok_actions          = [module.topic.arn]

  metric_query {
    id          = "all"
    label       = "Faults of DynamoDB"
    expression  = "SUM(METRICS())"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = var.ephemeral_operations

    content {
      id = lower(metric_query.value)

      metric {
        namespace   = "AWS/DynamoDB"
        metric_name = "SystemErrors"
        dimensions  = { TableName = var.ephemeral_table, Operation = metric_query.value }
        stat        = "Sum"
        period      = 60
      }
    }
  }

  tags = { Severity = "high" }
}

# Near what is reserved for it: the next requests are turned away.
resource "aws_cloudwatch_metric_alarm" "function_concurrency" {
  for_each = { for name, reserved in var.concurrency : name => reserved if reserved > 1 }

  alarm_name          = "${var.context.name}-${each.key}-concurrency"
  alarm_description   = "[high] Over 80 % of what is reserved for ${each.key} runs at once. Runbook: exhausted connections."
  namespace           = "AWS/Lambda"
  metric_name         = "ConcurrentExecutions"
  dimensions          = { FunctionName = "${var.context.name}-${each.key}" }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = floor(each.value * 0.8)
  treat_missing_data  = "notBreaching"
  alarm_actions       = [module.topic.arn]
  ok_actions          = [module.topic.arn]

  tags = { Severity = "high" }
}

# The account's own limit, which AWS raises when asked.
resource "aws_cloudwatch_metric_alarm" "concurrency_quota" {
  alarm_name          = "${var.context.name}-concurrency-quota"
  alarm_description   = "[high] Over 80 % of the executions that AWS allows the account run at once. Ask for more."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 80
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [module.topic.arn]
  ok_actions          = [module.topic.arn]

  metric_query {
    id          = "used"
    label       = "Concurrent executions, in percent of the quota"
    expression  = "100 * running / SERVICE_QUOTA(running)"
    return_data = true
  }

  metric_query {
    id = "running"

    metric {
      namespace   = "AWS/Usage"
      metric_name = "ResourceCount"
      dimensions  = { Service = "Lambda", Type = "Resource", Resource = "ConcurrentExecutions", Class = "None" }
      stat        = "Maximum"
      period      = 300
    }
  }

  tags = { Severity = "high" }
}

# Messages go out and Twilio says nothing of any: its webhooks don't reach us.
resource "aws_cloudwatch_metric_alarm" "webhooks_silent" {
  alarm_name          = "${var.context.name}-webhooks-silent"
  alarm_description   = "[high] Messages went out for a day, and Twilio called no webhook. Runbook: leaked secret, Twilio."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [module.topic.arn]
  ok_actions          = [module.topic.arn]

  metric_query {
    id          = "silent"
    label       = "Sent, and nothing heard"
    expression  = "IF(FILL(sent, 0) > 0 AND FILL(heard, 0) == 0, 1, 0)"
    return_data = true
  }

  metric_query {
    id = "sent"

    metric {
      namespace   = "BerthCare/API"
      metric_name = "JobItems"
      dimensions  = { Job = "dispatch" }
      stat        = "Sum"
      period      = 86400
    }
  }

  metric_query {
    id = "heard"

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Invocations"
      dimensions  = { FunctionName = "${var.context.name}-webhooks" }
      stat        = "Sum"
      period      = 86400
    }
  }

  tags = { Severity = "high" }
}
