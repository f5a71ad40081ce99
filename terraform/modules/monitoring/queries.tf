# Saved questions to the functions' logs.

locals {
  function_logs = [for function in local.functions : "/aws/lambda/${var.context.name}-${function}"]
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = {
    "errors of the last hour" = <<-QUERY
      fields @timestamp, service, message, requestId, method, path, statusCode
      | filter level = "ERROR" or statusCode >= 500
      | sort @timestamp desc
      | limit 200
    QUERY
    "requests over 1 s"       = <<-QUERY
      fields @timestamp, service, method, path, statusCode, duration, requestId
      | filter duration > 1000
      | sort duration desc
      | limit 200
    QUERY
    "requests of one user"    = <<-QUERY
      fields @timestamp, service, method, path, statusCode, duration, requestId
      | filter userId = "PUT-THE-ID-HERE"
      | sort @timestamp desc
      | limit 500
    QUERY
  }

  name            = "${var.context.name}/${each.key}"
  log_group_names = local.function_logs
  query_string    = each.value
}
