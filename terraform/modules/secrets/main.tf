# The keys that encrypt everything, and the secrets, each with who alone may read it.

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  region  = data.aws_region.current.region

  from_this_account = { test = "StringEquals", variable = "aws:SourceAccount", values = [local.account] }

  # By secret, the functions that may read it; template.yaml gives them the same right, and a check compares the two.
  readers = {
    "database"             = []
    "database-migrate"     = []
    "jwt-signing-key"      = ["auth"]
    "jwt-public-keys"      = ["auth", "clients", "visits", "sync", "photos", "alerts"]
    "origin"               = ["auth", "clients", "visits", "sync", "photos", "alerts", "webhooks", "health"]
    "sentry"               = ["auth", "clients", "visits", "sync", "photos", "alerts", "webhooks", "jobs", "health", "migrate"]
    "twilio/account"       = ["jobs"]
    "twilio/phone-numbers" = ["jobs"]
    "twilio/webhooks"      = ["jobs", "webhooks"]
  }

  # The roles of the database, whose passwords the proxy and the rotation read.
  passwords = {
    berthcare_app     = "database"
    berthcare_migrate = "database-migrate"
  }
}

module "data_key" {
  source = "../key"

  name        = "${var.name}-data"
  description = "Rows, items, photos and documents"
  services = {
    EventBridgeFillsQueues = { principal = "events.amazonaws.com", condition = local.from_this_account }
  }
}

module "secrets_key" {
  source = "../key"

  name        = "${var.name}-secrets"
  description = "Secrets"
}

module "logs_key" {
  source = "../key"

  name        = "${var.name}-logs"
  description = "Log groups, the alarms' topic and the record of AWS calls"
  services = {
    LogGroups = {
      principal = "logs.${local.region}.amazonaws.com"
      condition = {
        test     = "ArnLike"
        variable = "kms:EncryptionContext:aws:logs:arn"
        values   = ["arn:aws:logs:${local.region}:${local.account}:log-group:*"]
      }
    }
    AlarmsToTopic  = { principal = "cloudwatch.amazonaws.com", condition = local.from_this_account }
    BudgetsToTopic = { principal = "budgets.amazonaws.com", condition = local.from_this_account }
    BackupToTopic  = { principal = "backup.amazonaws.com", condition = local.from_this_account }
    EventsToTopic  = { principal = "events.amazonaws.com", condition = local.from_this_account }
    CloudTrail = {
      principal = "cloudtrail.amazonaws.com"
      condition = {
        test     = "StringEquals"
        variable = "aws:SourceArn"
        values   = ["arn:aws:cloudtrail:${local.region}:${local.account}:trail/${var.name}"]
      }
    }
  }
}

resource "aws_secretsmanager_secret" "this" {
  # checkov:skip=CKV2_AWS_57:The database's passwords rotate by themselves; the others are rotated by hand, as docs/runbooks/leaked-secret.md says.
  for_each = local.readers

  name                    = "${var.environment}/${each.key}"
  kms_key_id              = module.secrets_key.arn
  recovery_window_in_days = 7
}

# A second lock beside the functions' own policies: whatever right somebody is given by mistake, only these read. Operators
# write secrets and can't read them.
data "aws_iam_policy_document" "readers" {
  for_each = local.readers

  statement {
    sid       = "NobodyElseReads"
    effect    = "Deny"
    actions   = ["secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue"]
    resources = [aws_secretsmanager_secret.this[each.key].arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "ArnNotLike"
      variable = "aws:PrincipalArn"
      values = concat(
        [for function in each.value : "arn:aws:iam::${local.account}:role/${var.name}-${function}"],
        contains(values(local.passwords), each.key) ? [
          "arn:aws:iam::${local.account}:role/${var.proxy_role_name}",
          # The rotation's role, whose name CloudFormation makes and shortens.
          "arn:aws:iam::${local.account}:role/serverlessrepo-berthcare*SecretsManagerRDS*",
          # A person sets the roles' first passwords; see docs/runbooks/first-deployment.md.
          "arn:aws:iam::${local.account}:role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_BerthCareOperator_*",
        ] : [],
      )
    }
  }
}

resource "aws_secretsmanager_secret_policy" "readers" {
  for_each = local.readers

  secret_arn          = aws_secretsmanager_secret.this[each.key].arn
  policy              = data.aws_iam_policy_document.readers[each.key].json
  block_public_policy = true
}
