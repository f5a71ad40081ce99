# What an account has once, in no region: who may deploy, the proof of the API's name, what a month may cost, and the
# quotas that both regions need. Applied before terraform/region, and untouched when a region is lost.

locals {
  name = "berthcare-${var.environment}"
  tags = { Project = "BerthCare", Environment = var.environment, ManagedBy = "terraform/global" }

  # Where it lives, and where it recovers.
  regions = ["ca-central-1", "ca-west-1"]
}

resource "aws_s3_account_public_access_block" "this" {
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# The certificate that CloudFront shows.
resource "aws_acm_certificate" "edge" {
  provider = aws.us_east_1

  domain_name = var.domain_name
  # CloudFront doesn't show it; by it the name of the WebSocket API is proven, too.
  subject_alternative_names = ["realtime.${var.domain_name}"]
  validation_method         = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

# One record proves a name to every region: ACM asks the same of one account and name everywhere.
resource "aws_route53_record" "validation" {
  for_each = toset([var.domain_name, "realtime.${var.domain_name}"])

  zone_id = var.hosted_zone_id
  name    = one([for option in aws_acm_certificate.edge.domain_validation_options : option if option.domain_name == each.key]).resource_record_name
  type    = one([for option in aws_acm_certificate.edge.domain_validation_options : option if option.domain_name == each.key]).resource_record_type
  records = [one([for option in aws_acm_certificate.edge.domain_validation_options : option if option.domain_name == each.key]).resource_record_value]
  ttl     = 300
}

resource "aws_acm_certificate_validation" "edge" {
  provider = aws.us_east_1

  certificate_arn         = aws_acm_certificate.edge.arn
  validation_record_fqdns = [for record in aws_route53_record.validation : record.fqdn]
}

# Asked for at once in both regions: a region that recovers has no days to wait for an answer.
resource "aws_servicequotas_service_quota" "concurrent_executions" {
  for_each = toset(local.regions)
  region   = each.key

  service_code = "lambda"
  # "Concurrent executions", as `aws service-quotas list-service-quotas --service-code lambda` has it.
  quota_code = "L-B99A9384"
  value      = 1000
}
