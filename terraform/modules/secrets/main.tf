# The keys that encrypt everything, and the secrets, each with who alone may read it.

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  region  = data.aws_region.current.region

  from_this_account = { test = "StringEquals", variable = "aws:SourceAccount", values = [local.account] }
}

module "data_key" {
  source = "../key"

  name        = "${var.context.name}-data"
  description = "Rows, items, photos and documents"
  services = {
    # EventBridge's documents give its use of a key no condition.
    EventBridgeFillsQueues = { principal = "events.amazonaws.com" }
  }
}

module "secrets_key" {
  source = "../key"

  name        = "${var.context.name}-secrets"
  description = "Secrets"
}

module "logs_key" {
  source = "../key"

  name        = "${var.context.name}-logs"
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
    AlarmsToTopic = { principal = "cloudwatch.amazonaws.com", condition = local.from_this_account }
    BackupToTopic = { principal = "backup.amazonaws.com" }
    EventsToTopic = { principal = "events.amazonaws.com" }
    CloudTrail = {
      principal = "cloudtrail.amazonaws.com"
      condition = {
        test     = "StringEquals"
        variable = "aws:SourceArn"
        values   = ["arn:aws:cloudtrail:${local.region}:${local.account}:trail/${var.context.global_name}"]
      }
    }
  }
}

resource "aws_secretsmanager_secret" "this" {
  # checkov:skip=CKV2_AWS_57:Rotated by hand, as docs/runbooks/leaked-secret.md says: others issue them, or hold the
  # other half.
  for_each = var.readers

  name                    = "${var.context.environment}/${each.key}"
  kms_key_id              = module.secrets_key.arn
  recovery_window_in_days = 7
}

# A second lock beside the functions' own policies: whatever right somebody is given by mistake, only these read.
# Operators write secrets and can't read them.
data "aws_iam_policy_document" "readers" {
  for_each = var.readers

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
      values   = [for function in each.value : "arn:aws:iam::${local.account}:role/${var.context.global_name}-${function}"]
    }
  }
}

resource "aws_secretsmanager_secret_policy" "readers" {
  for_each = var.readers

  secret_arn          = aws_secretsmanager_secret.this[each.key].arn
  policy              = data.aws_iam_policy_document.readers[each.key].json
  block_public_policy = true
}
