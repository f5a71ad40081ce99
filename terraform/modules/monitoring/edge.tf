resource "aws_cloudwatch_metric_alarm" "edge_errors" {
  provider = aws.us_east_1

  alarm_name          = "${var.name}-cloudfront-5xx"
  alarm_description   = "[high] Over 5 % of the answers that leave CloudFront are 5xx. Runbook: rollback of a release."
  namespace           = "AWS/CloudFront"
  metric_name         = "5xxErrorRate"
  dimensions          = { DistributionId = var.distribution_id, Region = "Global" }
  statistic           = "Average"
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.edge.arn]
  ok_actions          = [aws_sns_topic.edge.arn]

  tags = { Severity = "high" }
}
