output "distribution_id" {
  description = "The CloudFront distribution; for the runbooks."
  value       = aws_cloudfront_distribution.api.id
}
