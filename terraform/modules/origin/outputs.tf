output "domain_name" {
  description = "API Gateway's custom domain, to which a release maps its API."
  value       = aws_apigatewayv2_domain_name.this.domain_name
}

output "target" {
  description = "Where API Gateway answers for that domain; CloudFront's origin."
  value       = aws_apigatewayv2_domain_name.this.domain_name_configuration[0].target_domain_name
}
