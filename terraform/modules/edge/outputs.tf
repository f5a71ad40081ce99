output "public_url" {
  description = "The origin that clients use, without `/v1`; the issuer of our tokens."
  value       = "https://${var.domain_name}"
}

output "domain_name" {
  description = "API Gateway's custom domain, to which a release maps its API."
  value       = aws_apigatewayv2_domain_name.origin.domain_name
}

output "distribution_id" {
  description = "The CloudFront distribution."
  value       = aws_cloudfront_distribution.api.id
}

output "firewall_name" {
  description = "The firewall's name, as its metrics carry it."
  value       = aws_wafv2_web_acl.api.name
}
