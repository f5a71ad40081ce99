# The WebSocket API: itself, its stage, log and domain. Its routes lead to a function, and are template.yaml's. It is
# here and not there, so that the function's role can name it and no other. Tickets are what lets anybody in; the
# firewall and CloudFront are not before it, since the addresses that it opens carry nothing else.

resource "aws_apigatewayv2_api" "this" {
  name                       = "${var.context.name}-realtime"
  description                = "What changed, told to those who listen"
  protocol_type              = "WEBSOCKET"
  route_selection_expression = "$request.body.action"
  # Its own address, which nobody is told, is where the function sends to.
  disable_execute_api_endpoint = false
}

resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_338:The record of who saw what is the audit log; these lines are for finding faults.
  name              = "/berthcare/${var.context.environment}/realtime"
  retention_in_days = 90
  kms_key_id        = var.logs_key_arn
}

resource "aws_apigatewayv2_stage" "live" {
  # checkov:skip=CKV2_AWS_51:A browser has no certificate of a client's; tickets let it in.
  api_id      = aws_apigatewayv2_api.this.id
  name        = "live"
  auto_deploy = true

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.this.arn
    # The route and never the query: a ticket stays out of the log.
    format = jsonencode({
      timestamp        = "$context.requestTime"
      requestId        = "$context.requestId"
      route            = "$context.routeKey"
      statusCode       = "$context.status"
      integrationError = "$context.integrationErrorMessage"
    })
  }

  default_route_settings {
    throttling_rate_limit  = 200
    throttling_burst_limit = 400
  }
}

resource "aws_acm_certificate" "this" {
  domain_name       = var.domain_name
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_acm_certificate_validation" "this" {
  certificate_arn = aws_acm_certificate.this.arn
}

resource "aws_apigatewayv2_domain_name" "this" {
  domain_name = var.domain_name

  domain_name_configuration {
    certificate_arn = aws_acm_certificate_validation.this.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  domain_name = aws_apigatewayv2_domain_name.this.id
  stage       = aws_apigatewayv2_stage.live.id
}
