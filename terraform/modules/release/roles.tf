data "aws_iam_policy_document" "codedeploy" {
  # checkov:skip=CKV_AWS_356:cloudwatch:DescribeAlarms knows no names.
  statement {
    actions   = ["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"]
    resources = ["arn:aws:lambda:${local.here}:function:${var.context.name}-*"]
  }

  # The hook before traffic shifts.
  statement {
    actions   = ["lambda:InvokeFunction"]
    resources = ["arn:aws:lambda:${local.here}:function:${var.context.name}-rollout"]
  }

  statement {
    actions   = ["cloudwatch:DescribeAlarms"]
    resources = ["*"]
  }
}

module "codedeploy_role" {
  source = "../service_role"

  name        = "${var.context.global_name}-codedeploy"
  description = "CodeDeploy, which shifts traffic and shifts it back"
  service     = "codedeploy.amazonaws.com"
  policies    = { shift-traffic = data.aws_iam_policy_document.codedeploy.json }
}

data "aws_iam_policy_document" "scheduler" {
  statement {
    actions   = ["lambda:InvokeFunction"]
    resources = [for name in ["exports", "jobs", "urgent"] : "arn:aws:lambda:${local.here}:function:${var.context.name}-${name}:live"]
  }

  statement {
    actions   = ["sqs:SendMessage"]
    resources = [var.dead_letters_arn]
  }

  statement {
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.data_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["sqs.${local.region}.amazonaws.com"]
    }
  }
}

module "scheduler_role" {
  source = "../service_role"

  name             = "${var.context.global_name}-scheduler"
  description      = "EventBridge Scheduler, which invokes jobs"
  service          = "scheduler.amazonaws.com"
  own_account_only = true
  policies         = { invoke-jobs = data.aws_iam_policy_document.scheduler.json }
}
