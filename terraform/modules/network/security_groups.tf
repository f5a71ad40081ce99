# Functions reach the proxy and, by TLS, the world. The proxy alone reaches the database, but for an operator's shell,
# which comes where the proxy is the trouble.

locals {
  security_groups = {
    functions = "The Lambda functions"
    proxy     = "The database proxy"
    database  = "The database"
    endpoints = "Interface endpoints of AWS services"
    # Holds no function of ours: `migrate` goes by the proxy like the others.
    maintenance = "Operators"
  }
}

resource "aws_security_group" "this" {
  # checkov:skip=CKV2_AWS_5:template.yaml attaches functions, the database module the proxy and the instance, and the
  # shells of the runbooks are operators'.
  for_each = local.security_groups

  name        = "${var.context.name}-${each.key}"
  description = each.value
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.context.name}-${each.key}" }
}

locals {
  postgresql = 5432
  https      = 443

  # Who may open connections to whom.
  flows = {
    functions_to_proxy      = { from = aws_security_group.this["functions"].id, to = aws_security_group.this["proxy"].id, port = local.postgresql }
    functions_to_endpoints  = { from = aws_security_group.this["functions"].id, to = aws_security_group.this["endpoints"].id, port = local.https }
    proxy_to_database       = { from = aws_security_group.this["proxy"].id, to = aws_security_group.this["database"].id, port = local.postgresql }
    maintenance_to_database = { from = aws_security_group.this["maintenance"].id, to = aws_security_group.this["database"].id, port = local.postgresql }
    maintenance_to_secrets  = { from = aws_security_group.this["maintenance"].id, to = aws_security_group.this["endpoints"].id, port = local.https }
  }
}

resource "aws_vpc_security_group_egress_rule" "flow" {
  for_each = local.flows

  description                  = replace(each.key, "_", " ")
  security_group_id            = each.value.from
  referenced_security_group_id = each.value.to
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "flow" {
  for_each = local.flows

  description                  = replace(each.key, "_", " ")
  security_group_id            = each.value.to
  referenced_security_group_id = each.value.from
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

# Twilio, Expo, Sentry, and S3 and DynamoDB by their gateways.
resource "aws_vpc_security_group_egress_rule" "functions_to_world" {
  description       = "TLS to the world"
  security_group_id = aws_security_group.this["functions"].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = local.https
  to_port           = local.https
}
