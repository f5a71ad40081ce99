data "aws_iam_policy_document" "proxy_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["rds.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

data "aws_iam_policy_document" "proxy" {
  statement {
    sid       = "ReadThePasswords"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = values(var.password_secret_arns)
  }

  statement {
    sid       = "DecryptThem"
    actions   = ["kms:Decrypt"]
    resources = [var.secrets_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${data.aws_region.current.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "proxy" {
  name               = var.proxy_role_name
  assume_role_policy = data.aws_iam_policy_document.proxy_trust.json
}

resource "aws_iam_role_policy" "proxy" {
  name   = "read-passwords"
  role   = aws_iam_role.proxy.id
  policy = data.aws_iam_policy_document.proxy.json
}

resource "aws_db_proxy" "this" {
  name                   = var.name
  engine_family          = "POSTGRESQL"
  role_arn               = aws_iam_role.proxy.arn
  vpc_subnet_ids         = var.subnet_ids
  vpc_security_group_ids = [var.proxy_security_group_id]
  require_tls            = true
  # Longer than a Lambda environment stays without a request, so that a thaw seldom finds its connection gone.
  idle_client_timeout = 1800
  debug_logging       = false

  dynamic "auth" {
    for_each = var.password_secret_arns

    content {
      description               = auth.key
      auth_scheme               = "SECRETS"
      secret_arn                = auth.value
      iam_auth                  = "REQUIRED"
      client_password_auth_type = "POSTGRES_SCRAM_SHA_256"
    }
  }

  depends_on = [aws_iam_role_policy.proxy, aws_cloudwatch_log_group.database]
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
