# Alarms on one metric each. Those on a rate are in rates.tf, that on CloudFront in edge.tf, and those on the API itself
# in template.yaml, since a release makes the API.
#
# `missing` says what silence means: "breaching" where a job reports every minute, so that a dead job is an alarm
# itself.

locals {
  database = { DBInstanceIdentifier = var.database_instance_id }
  proxy    = { ProxyName = var.database_proxy_name }

  gigabyte = 1024 * 1024 * 1024

  alarms = {
    database-cpu = {
      says      = "The database's CPU is over 80 %. Runbook: exhausted connections, and Performance Insights."
      severity  = "critical"
      namespace = "AWS/RDS", metric = "CPUUtilization", dimensions = local.database
      statistic = "Average", period = 300, times = 2, over = 80, missing = "breaching"
    }
    database-connections = {
      says      = "More than 80 connections to the database. Runbook: exhausted connections."
      severity  = "high"
      namespace = "AWS/RDS", metric = "DatabaseConnections", dimensions = local.database
      statistic = "Average", period = 300, times = 2, over = var.database_connections, missing = "breaching"
    }
    database-memory = {
      says      = "The database has less than 512 MB of memory free."
      severity  = "high"
      namespace = "AWS/RDS", metric = "FreeableMemory", dimensions = local.database
      statistic = "Average", period = 300, times = 2, under = 512 * 1024 * 1024, missing = "breaching"
    }
    database-storage = {
      says      = "The database has less than 10 GB of storage free, and has stopped growing."
      severity  = "high"
      namespace = "AWS/RDS", metric = "FreeStorageSpace", dimensions = local.database
      statistic = "Minimum", period = 300, times = 1, under = 10 * local.gigabyte, missing = "breaching"
    }
    proxy-borrowing = {
      # The metric counts microseconds.
      says      = "A statement waits over 100 ms for a connection of the proxy. Runbook: exhausted connections."
      severity  = "high"
      namespace = "AWS/RDS", metric = "DatabaseConnectionsBorrowLatency", dimensions = local.proxy
      statistic = "Average", period = 60, times = 5, over = 100 * 1000, missing = "notBreaching"
    }
    proxy-clients = {
      says      = "Over 80 % of the connections that the functions may open to the proxy are open."
      severity  = "high"
      namespace = "AWS/RDS", metric = "ClientConnections", dimensions = local.proxy
      statistic = "Maximum", period = 60, times = 5, over = floor(sum(values(var.concurrency)) * 0.8), missing = "notBreaching"
    }
    table-reads-throttled = {
      says      = "DynamoDB refuses reads: people can't stay signed in."
      severity  = "high"
      namespace = "AWS/DynamoDB", metric = "ReadThrottleEvents", dimensions = { TableName = var.ephemeral_table }
      statistic = "Sum", period = 60, times = 1, over = 0, missing = "notBreaching"
    }
    table-writes-throttled = {
      says      = "DynamoDB refuses writes: people can't sign in."
      severity  = "high"
      namespace = "AWS/DynamoDB", metric = "WriteThrottleEvents", dimensions = { TableName = var.ephemeral_table }
      statistic = "Sum", period = 60, times = 1, over = 0, missing = "notBreaching"
    }
    outbox-age = {
      says      = "A message has been due for over two minutes, or the job that sends them is dead. Runbook: a stuck outbox."
      severity  = "critical"
      namespace = "BerthCare/API", metric = "OutboxAge", dimensions = {}
      statistic = "Maximum", period = 60, times = 3, over = 120, missing = "breaching"
    }
    alert-unacknowledged = {
      says      = "A nurse's alert has waited over ten minutes for somebody, or the job that escalates is dead. Call the agency."
      severity  = "critical"
      namespace = "BerthCare/API", metric = "AlertUnacknowledged", dimensions = {}
      statistic = "Maximum", period = 60, times = 3, over = 600, missing = "breaching"
    }
    privacy-overdue = {
      says      = "A privacy request or incident of some agency is open past its due date. Runbook: a breach; call the agency's admins."
      severity  = "medium"
      namespace = "BerthCare/API", metric = "PrivacyOverdue", dimensions = {}
      statistic = "Maximum", period = 3600, times = 1, over = 0, missing = "notBreaching"
    }
    dead-letters = {
      says      = "An event could not be delivered and waits in the queue of dead letters."
      severity  = "high"
      namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = "${var.context.name}-dead-letters" }
      statistic = "Maximum", period = 300, times = 1, over = 0, missing = "notBreaching"
    }
    refused-secret-reads = {
      says      = "Somebody tried to read a secret that is not theirs. Runbook: leaked secret."
      severity  = "medium"
      namespace = local.security_namespace, metric = local.refused_secret_reads, dimensions = {}
      statistic = "Sum", period = 60, times = 1, over = 0, missing = "notBreaching"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.context.name}-${each.key}"
  alarm_description   = "[${each.value.severity}] ${each.value.says}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.times
  comparison_operator = can(each.value.over) ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = try(each.value.over, each.value.under)
  treat_missing_data  = each.value.missing
  alarm_actions       = [module.topic.arn]
  ok_actions          = [module.topic.arn]

  tags = { Severity = each.value.severity }
}
