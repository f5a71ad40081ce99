# To the database as whoever asked: the proxy asks IAM for a token in its own name.
data "aws_iam_policy_document" "proxy" {
  statement {
    sid     = "SignIn"
    actions = ["rds-db:connect"]
    resources = [
      for user in var.users :
      "arn:aws:rds-db:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:dbuser:${aws_db_instance.primary.resource_id}/${user}"
    ]
  }
}

module "proxy_role" {
  source = "../service_role"

  name     = "${var.context.global_name}-proxy"
  service  = "rds.amazonaws.com"
  policies = { sign-in = data.aws_iam_policy_document.proxy.json }
}

resource "aws_db_proxy" "this" {
  name                   = var.context.name
  engine_family          = "POSTGRESQL"
  role_arn               = module.proxy_role.role.arn
  vpc_subnet_ids         = var.subnet_ids
  vpc_security_group_ids = [var.proxy_security_group_id]
  require_tls            = true
  # End to end: from the function to the proxy, and from the proxy to the database.
  default_auth_scheme = "IAM_AUTH"
  # Longer than a Lambda environment stays without a request, so that a thaw seldom finds its connection gone.
  idle_client_timeout = 1800
  debug_logging       = false

  depends_on = [module.proxy_role, aws_cloudwatch_log_group.database]
}

resource "aws_db_proxy_default_target_group" "this" {
  db_proxy_name = aws_db_proxy.this.name

  connection_pool_config {
    max_connections_percent      = var.proxy_connections_percent
    max_idle_connections_percent = 25
    connection_borrow_timeout    = 5
  }
}

resource "aws_db_proxy_target" "this" {
  db_proxy_name          = aws_db_proxy.this.name
  target_group_name      = aws_db_proxy_default_target_group.this.name
  db_instance_identifier = aws_db_instance.primary.identifier
}
