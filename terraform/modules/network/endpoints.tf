# AWS services that the functions reach without the internet.

# What leaves by an endpoint reaches this account's resources only, whatever credentials it carries.
data "aws_iam_policy_document" "own_resources" {
  for_each = toset(["s3", "dynamodb", "secretsmanager"])

  statement {
    actions   = ["${each.key}:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:PrincipalAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_vpc_endpoint" "gateway" {
  for_each = toset(["s3", "dynamodb"])

  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${data.aws_region.current.region}.${each.key}"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = values(aws_route_table.private)[*].id
  policy            = data.aws_iam_policy_document.own_resources[each.key].json

  tags = { Name = "${var.context.name}-${each.key}" }
}

resource "aws_vpc_endpoint" "secrets_manager" {
  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${data.aws_region.current.region}.secretsmanager"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [for zone in keys(local.nat_zones) : aws_subnet.private[zone].id]
  security_group_ids  = [aws_security_group.this["endpoints"].id]
  policy              = data.aws_iam_policy_document.own_resources["secretsmanager"].json

  tags = { Name = "${var.context.name}-secretsmanager" }
}
