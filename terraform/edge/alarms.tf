# What the world sees of us: CloudFront's own count, and a stranger who asks each minute. Both are told in us-east-1,
# and an alarm tells only a topic of its own region.

module "key" {
  source = "../modules/key"

  name        = "${local.name}-edge-alerts"
  description = "The topic of the edge's alarms"
  services = {
    AlarmsToTopic = {
      principal = "cloudwatch.amazonaws.com"
      condition = { test = "StringEquals", variable = "aws:SourceAccount", values = [var.account_id] }
    }
  }
}

module "topic" {
  source = "../modules/topic"

  name           = "${local.name}-alerts"
  key_arn        = module.key.arn
  emails         = var.alarm_emails
  pager_endpoint = var.pager_endpoint
}

resource "aws_cloudwatch_metric_alarm" "edge_errors" {
  alarm_name          = "${local.name}-cloudfront-5xx"
  alarm_description   = "[high] Over 5 % of the answers that leave CloudFront are 5xx. Runbook: rollback of a release."
  namespace           = "AWS/CloudFront"
  metric_name         = "5xxErrorRate"
  dimensions          = { DistributionId = aws_cloudfront_distribution.api.id, Region = "Global" }
  statistic           = "Average"
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = [module.topic.arn]
  ok_actions          = [module.topic.arn]

  tags = { Severity = "high" }
}

# Whether everything answers, as /v1/health finds it, asked from outside; from the three regions of the United States
# that Route 53 asks from, which are the nearest that the firewall lets in.
resource "aws_route53_health_check" "api" {
  type              = "HTTPS"
  fqdn              = var.domain_name
  port              = 443
  resource_path     = "/v1/health"
  request_interval  = 30
  failure_threshold = 2
  measure_latency   = false
  regions           = ["us-east-1", "us-west-1", "us-west-2"]

  tags = { Name = local.name }
}

locals {
  # A month's allowance of 99.9 % is 43 minutes. Burnt so many times too fast, it is gone in two days, or in five.
  burn_rates = {
    availability-1h = { hours = 1, times = 14 }
    availability-6h = { hours = 6, times = 6 }
  }
}

resource "aws_cloudwatch_metric_alarm" "availability" {
  for_each = local.burn_rates

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "[critical] Asked from outside, the API fails ${each.value.times} times as often as 99.9 % allows, for ${each.value.hours} h. Runbook: README."
  namespace           = "AWS/Route53"
  metric_name         = "HealthCheckPercentageHealthy"
  dimensions          = { HealthCheckId = aws_route53_health_check.api.id }
  statistic           = "Average"
  period              = each.value.hours * 3600
  evaluation_periods  = 1
  comparison_operator = "LessThanThreshold"
  threshold           = 100 - each.value.times * 0.1
  treat_missing_data  = "breaching"
  alarm_actions       = [module.topic.arn]
  ok_actions          = [module.topic.arn]

  tags = { Severity = "critical" }
}
