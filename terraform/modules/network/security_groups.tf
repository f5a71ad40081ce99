# Functions reach the proxy and, by TLS, the world. The proxy alone reaches the database, but for an operator's shell,
# which comes where the proxy is the trouble.

resource "aws_security_group" "functions" {
  # checkov:skip=CKV2_AWS_5:The functions are in it; template.yaml attaches them.
  name        = "${var.context.name}-functions"
  description = "The Lambda functions"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.context.name}-functions" }
}

resource "aws_security_group" "proxy" {
  # checkov:skip=CKV2_AWS_5:The database module attaches the proxy.
  name        = "${var.context.name}-proxy"
  description = "The database proxy"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.context.name}-proxy" }
}

resource "aws_security_group" "database" {
  # checkov:skip=CKV2_AWS_5:The database module attaches the instance.
  name        = "${var.context.name}-database"
  description = "The database"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.context.name}-database" }
}

resource "aws_security_group" "endpoints" {
  name        = "${var.context.name}-endpoints"
  description = "Interface endpoints of AWS services"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.context.name}-endpoints" }
}

# Holds no function of ours: `migrate` goes by the proxy like the others.
resource "aws_security_group" "maintenance" {
  # checkov:skip=CKV2_AWS_5:The shells of the runbooks are in it.
  name        = "${var.context.name}-maintenance"
  description = "Operators"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.context.name}-maintenance" }
}

locals {
  postgresql = 5432
  https      = 443

  # Who may open connections to whom.
  flows = {
    functions_to_proxy      = { from = aws_security_group.functions.id, to = aws_security_group.proxy.id, port = local.postgresql }
    functions_to_endpoints  = { from = aws_security_group.functions.id, to = aws_security_group.endpoints.id, port = local.https }
    proxy_to_database       = { from = aws_security_group.proxy.id, to = aws_security_group.database.id, port = local.postgresql }
    maintenance_to_database = { from = aws_security_group.maintenance.id, to = aws_security_group.database.id, port = local.postgresql }
    maintenance_to_secrets  = { from = aws_security_group.maintenance.id, to = aws_security_group.endpoints.id, port = local.https }
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
  security_group_id = aws_security_group.functions.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = local.https
  to_port           = local.https
}
