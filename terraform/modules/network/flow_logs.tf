# Who talked to whom: kept for the day on which somebody has to know.

resource "aws_cloudwatch_log_group" "flow" {
  name              = "/berthcare/${var.context.environment}/vpc-flow"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.logs_key_arn
}

data "aws_iam_policy_document" "flow" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
    resources = ["${aws_cloudwatch_log_group.flow.arn}:*"]
  }
}

module "flow_role" {
  source = "../service_role"

  name             = "${var.context.global_name}-vpc-flow"
  service          = "vpc-flow-logs.amazonaws.com"
  own_account_only = true
  policies         = { write-flow-logs = data.aws_iam_policy_document.flow.json }
}

resource "aws_flow_log" "this" {
  vpc_id                   = aws_vpc.this.id
  traffic_type             = "ALL"
  log_destination          = aws_cloudwatch_log_group.flow.arn
  iam_role_arn             = module.flow_role.role.arn
  max_aggregation_interval = 600
}
