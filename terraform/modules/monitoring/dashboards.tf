# Four pages to look at: each a title and its graphs. A graph is a list of metrics as CloudWatch writes them, or a
# question to the functions' logs.

locals {
  custom = "BerthCare/API"

  # Question by question: what failed last, what fails most, of which kind, and how many people were there.
  asked = {
    recent = "filter level = 'ERROR' or statusCode >= 500 | fields @timestamp, service, message, error, requestId, path | sort @timestamp desc | limit 20"
    top    = "filter level = 'ERROR' or statusCode >= 500 | stats count(*) as times by service, path, message | sort times desc | limit 20"
    types  = "filter statusCode >= 400 | stats count(*) as times by statusCode, service | sort times desc | limit 20"
    people = "filter ispresent(userId) | stats count_distinct(userId) as people by bin(1d) as day | sort day desc | limit 31"
  }
  sources = join(" | ", [for group in local.function_logs : "SOURCE '${group}'"])

  dashboards = {
    api-performance = [
      { title = "Requests by function", metrics = [for f in local.functions : ["AWS/Lambda", "Invocations", "FunctionName", "${var.context.name}-${f}"]], stat = "Sum" },
      { title = "Concurrent executions", metrics = [for f in local.functions : ["AWS/Lambda", "ConcurrentExecutions", "FunctionName", "${var.context.name}-${f}"]], stat = "Maximum" },
      { title = "Time in the function, p50", metrics = [for f in local.functions : ["AWS/Lambda", "Duration", "FunctionName", "${var.context.name}-${f}"]], stat = "p50" },
      { title = "Time in the function, p99", metrics = [for f in local.functions : ["AWS/Lambda", "Duration", "FunctionName", "${var.context.name}-${f}"]], stat = "p99" },
      { title = "Latency by route, p95", metrics = [[{ expression = "SEARCH('{${local.custom},Function,Route} MetricName=\"APILatency\"', 'p95', 300)" }]], stat = "p95" },
      { title = "Answers by class of status", metrics = [[{ expression = "SEARCH('{${local.custom},Function,StatusClass} MetricName=\"RequestCount\"', 'Sum', 300)" }]], stat = "Sum" },
      { title = "Visits begun, a day", metrics = [[local.custom, "RequestCount", "Function", "visits", "Route", "POST /v1/visits/{id}/check-in"]], stat = "Sum", period = 86400 },
      { title = "People at work, a day", question = local.asked.people },
      { title = "Requests by route", metrics = [[{ expression = "SEARCH('{${local.custom},Function,Route} MetricName=\"RequestCount\"', 'Sum', 300)" }]], stat = "Sum" },
    ]
    database = [
      { title = "CPU, in percent", metrics = [["AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", var.database_instance_id]], stat = "Average" },
      { title = "Connections", metrics = [
        ["AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", var.database_instance_id],
        ["AWS/RDS", "ClientConnections", "ProxyName", var.database_proxy_name],
      ], stat = "Maximum" },
      { title = "Waiting for a connection, in microseconds", metrics = [["AWS/RDS", "DatabaseConnectionsBorrowLatency", "ProxyName", var.database_proxy_name]], stat = "Average" },
      { title = "Connections that a client holds for itself", metrics = [["AWS/RDS", "DatabaseConnectionsCurrentlySessionPinned", "ProxyName", var.database_proxy_name]], stat = "Maximum" },
      { title = "Memory and storage free", metrics = [
        ["AWS/RDS", "FreeableMemory", "DBInstanceIdentifier", var.database_instance_id],
        ["AWS/RDS", "FreeStorageSpace", "DBInstanceIdentifier", var.database_instance_id],
      ], stat = "Minimum" },
      { title = "Time of a read and a write, in seconds", metrics = [
        ["AWS/RDS", "ReadLatency", "DBInstanceIdentifier", var.database_instance_id],
        ["AWS/RDS", "WriteLatency", "DBInstanceIdentifier", var.database_instance_id],
      ], stat = "Average" },
      { title = "Replicas: behind by, in seconds", metrics = [[{ expression = "SEARCH('{AWS/RDS,DBInstanceIdentifier} MetricName=\"ReplicaLag\"', 'Maximum', 300)" }]], stat = "Maximum" },
      { title = "Reads and writes a second", metrics = [
        ["AWS/RDS", "ReadIOPS", "DBInstanceIdentifier", var.database_instance_id],
        ["AWS/RDS", "WriteIOPS", "DBInstanceIdentifier", var.database_instance_id],
      ], stat = "Average" },
    ]
    errors = [
      { title = "Most recent", question = local.asked.recent },
      { title = "Most frequent", question = local.asked.top },
      { title = "By status", question = local.asked.types },
      { title = "Failed requests by route", metrics = [[{ expression = "SEARCH('{${local.custom},Function,Route} MetricName=\"ErrorCount\"', 'Sum', 300)" }]], stat = "Sum" },
      { title = "Failed invocations", metrics = [for f in local.functions : ["AWS/Lambda", "Errors", "FunctionName", "${var.context.name}-${f}"]], stat = "Sum" },
      { title = "Turned away", metrics = [for f in local.functions : ["AWS/Lambda", "Throttles", "FunctionName", "${var.context.name}-${f}"]], stat = "Sum" },
      { title = "Dead letters", metrics = [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${var.context.name}-dead-letters"]], stat = "Maximum" },
      { title = "Refused secret reads", metrics = [[local.security_namespace, local.refused_secret_reads]], stat = "Sum" },
      { title = "DynamoDB throttles", metrics = [
        ["AWS/DynamoDB", "ReadThrottleEvents", "TableName", var.ephemeral_table],
        ["AWS/DynamoDB", "WriteThrottleEvents", "TableName", var.ephemeral_table],
      ], stat = "Sum" },
    ]
    sync = [
      { title = "Records pulled and pushed", metrics = [[local.custom, "SyncRecords"]], stat = "Sum" },
      { title = "Time of a pull or push, p95, in milliseconds", metrics = [[local.custom, "SyncDuration"]], stat = "p95" },
      { title = "Conflicts and refusals", metrics = [[local.custom, "SyncConflicts"], [local.custom, "SyncRejected"]], stat = "Sum" },
      { title = "Outbox: waiting", metrics = [[local.custom, "OutboxDepth"]], stat = "Maximum" },
      { title = "Outbox: overdue, in seconds", metrics = [[local.custom, "OutboxAge"]], stat = "Maximum" },
      { title = "Alerts: to the first call, and unacknowledged, in seconds", metrics = [[local.custom, "AlertTimeToCall"], [local.custom, "AlertUnacknowledged"]], stat = "Maximum" },
      { title = "Jobs: time, in milliseconds", metrics = [[{ expression = "SEARCH('{${local.custom},Job} MetricName=\"JobDuration\"', 'Maximum', 300)" }]], stat = "Maximum" },
      { title = "Jobs: things dealt with", metrics = [[{ expression = "SEARCH('{${local.custom},Job} MetricName=\"JobItems\"', 'Sum', 300)" }]], stat = "Sum" },
    ]
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  for_each = local.dashboards

  dashboard_name = "${var.context.name}-${each.key}"
  dashboard_body = jsonencode({
    # Two graphs a row.
    widgets = [for index, graph in each.value : {
      type   = can(graph.question) ? "log" : "metric"
      x      = index % 2 * 12
      y      = floor(index / 2) * 6
      width  = 12
      height = 6
      properties = merge(
        { title = graph.title, region = local.region, view = can(graph.question) ? "table" : "timeSeries" },
        { for key, value in { query = "${local.sources} | ${try(graph.question, "")}" } : key => value if can(graph.question) },
        {
          for key, value in { metrics = try(graph.metrics, []), stat = try(graph.stat, ""), period = try(graph.period, 300) } :
          key => value if !can(graph.question)
        },
      )
    }]
  })
}
