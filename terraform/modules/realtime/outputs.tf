output "api_id" {
  description = "The WebSocket API, to which a release adds routes."
  value       = aws_apigatewayv2_api.this.id
}

output "api_arn" {
  description = "The same as `execute-api` names it."
  value       = aws_apigatewayv2_api.this.execution_arn
}

output "connections_url" {
  description = "Where the function sends to sockets, without `/@connections`."
  value       = "https://${aws_apigatewayv2_api.this.id}.execute-api.${local.region}.amazonaws.com/${aws_apigatewayv2_stage.live.name}"
}

output "target" {
  description = "Where API Gateway answers for the domain."
  value       = aws_apigatewayv2_domain_name.this.domain_name_configuration[0].target_domain_name
}
