# GitHub's workflows deploy by OIDC: no key is stored. They hand CloudFormation a template and the right to use a role of
# CloudFormation's own, and can do nothing of what that role can.

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "deploy_trust" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.github.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }

    # The environment's protection rules decide who gets here: branch main for staging, an approval for production.
    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = ["repo:${var.github_repository}:environment:${var.environment}"]
    }
  }
}

data "aws_iam_policy_document" "deploy" {
  statement {
    sid = "TheStack"
    actions = [
      "cloudformation:CreateChangeSet", "cloudformation:DeleteChangeSet", "cloudformation:DescribeChangeSet",
      "cloudformation:DescribeEvents", "cloudformation:DescribeStackEvents", "cloudformation:DescribeStackResources",
      "cloudformation:DescribeStacks", "cloudformation:ExecuteChangeSet", "cloudformation:GetTemplate",
      "cloudformation:GetTemplateSummary", "cloudformation:ListStackResources",
    ]
    resources = [
      "arn:aws:cloudformation:${local.here}:stack/${var.name}/*",
      "arn:aws:cloudformation:${local.region}:aws:transform/Serverless-2016-10-31",
    ]
  }

  statement {
    sid       = "HandOver"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.cloudformation.arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["cloudformation.amazonaws.com"]
    }
  }

  statement {
    sid       = "Upload"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${var.releases_bucket_arn}/*"]
  }

  statement {
    sid       = "UploadEncrypted"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.data_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${local.region}.amazonaws.com"]
    }
  }

  statement {
    sid       = "Border"
    actions   = ["ssm:GetParameter", "ssm:GetParameters"]
    resources = ["arn:aws:ssm:${local.here}:parameter/berthcare/${var.environment}/*"]
  }

  statement {
    sid = "MigrationsFirst"
    actions = [
      "lambda:GetFunction", "lambda:GetFunctionConfiguration", "lambda:InvokeFunction", "lambda:UpdateFunctionCode",
    ]
    resources = [
      "arn:aws:lambda:${local.here}:function:${var.name}-migrate",
      "arn:aws:lambda:${local.here}:function:${var.name}-migrate:*",
    ]
  }

  # Contractions are refused where an older version serves.
  statement {
    sid       = "WhatServes"
    actions   = ["lambda:GetAlias", "lambda:ListVersionsByFunction"]
    resources = ["arn:aws:lambda:${local.here}:function:${var.name}-*"]
  }
}

resource "aws_iam_role" "deploy" {
  name                 = "${var.name}-deploy"
  description          = "GitHub's workflows for ${var.environment}"
  assume_role_policy   = data.aws_iam_policy_document.deploy_trust.json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "deploy" {
  name   = "deploy"
  role   = aws_iam_role.deploy.id
  policy = data.aws_iam_policy_document.deploy.json
}

data "aws_iam_policy_document" "cloudformation_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["cloudformation.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

# What template.yaml holds, and nothing else.
data "aws_iam_policy_document" "cloudformation" {
  # checkov:skip=CKV_AWS_111:API Gateway, CodeDeploy and event source calls are held to this account's own names or know none.
  # checkov:skip=CKV_AWS_356:Some describing calls of Lambda and Logs know no resource.
  # checkov:skip=CKV_AWS_109:Roles can be made only with the boundary of functions.tf.
  # checkov:skip=CKV_AWS_110:Roles can be made only with the boundary of functions.tf.
  statement {
    sid     = "Functions"
    actions = ["lambda:*"]
    resources = [
      "arn:aws:lambda:${local.here}:function:${var.name}-*",
      "arn:aws:lambda:${local.here}:event-source-mapping:*",
    ]
  }

  statement {
    sid       = "RolesWithinTheBoundary"
    actions   = ["iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:AttachRolePolicy", "iam:DetachRolePolicy"]
    resources = ["arn:aws:iam::${local.account}:role/${var.name}-*"]

    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [aws_iam_policy.boundary.arn, aws_iam_policy.delivery_boundary.arn]
    }
  }

  statement {
    sid = "RolesThemselves"
    actions = [
      "iam:DeleteRole", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies",
      "iam:PassRole", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription",
    ]
    resources = ["arn:aws:iam::${local.account}:role/${var.name}-*"]
  }

  # None of the roles that Terraform owns, its own least of all.
  statement {
    sid       = "NotTerraformsRoles"
    effect    = "Deny"
    actions   = ["iam:*"]
    resources = concat([aws_iam_role.deploy.arn], [for name in ["cloudformation", var.proxy_role_suffix, "backup", "rds-monitoring", "vpc-flow", "trail"] : "arn:aws:iam::${local.account}:role/${var.name}-${name}"])
  }

  statement {
    sid = "Api"
    actions = [
      "apigateway:DELETE", "apigateway:GET", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT", "apigateway:TagResource",
      "apigateway:UntagResource",
    ]
    resources = [
      "arn:aws:apigateway:${local.region}::/apis", "arn:aws:apigateway:${local.region}::/apis/*",
      "arn:aws:apigateway:${local.region}::/domainnames/*/apimappings",
      "arn:aws:apigateway:${local.region}::/domainnames/*/apimappings/*",
      "arn:aws:apigateway:${local.region}::/tags/*",
    ]
  }

  statement {
    sid = "Logs"
    actions = [
      "logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteRetentionPolicy",
      "logs:DescribeIndexPolicies", "logs:DisassociateKmsKey", "logs:GetDataProtectionPolicy", "logs:ListTagsForResource",
      "logs:PutRetentionPolicy", "logs:TagResource", "logs:UntagResource",
    ]
    resources = [
      "arn:aws:logs:${local.here}:log-group:/aws/lambda/${var.name}-*",
      "arn:aws:logs:${local.here}:log-group:/berthcare/${var.environment}/*",
    ]
  }

  statement {
    sid = "AccessLogDelivery"
    actions = [
      "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
      "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
    ]
    resources = ["*"]
  }

  statement {
    sid = "EventsAndSchedules"
    actions = [
      "events:DeleteRule", "events:DescribeRule", "events:ListTagsForResource", "events:ListTargetsByRule", "events:PutRule",
      "events:PutTargets", "events:RemoveTargets", "events:TagResource", "events:UntagResource", "scheduler:CreateSchedule",
      "scheduler:CreateScheduleGroup", "scheduler:DeleteSchedule", "scheduler:DeleteScheduleGroup", "scheduler:GetSchedule",
      "scheduler:GetScheduleGroup", "scheduler:ListTagsForResource", "scheduler:TagResource", "scheduler:UntagResource",
      "scheduler:UpdateSchedule",
    ]
    resources = [
      "arn:aws:events:${local.here}:rule/${var.name}-*",
      "arn:aws:scheduler:${local.here}:schedule/${var.name}/*",
      "arn:aws:scheduler:${local.here}:schedule-group/${var.name}",
    ]
  }

  statement {
    sid = "DeadLetters"
    actions = [
      "sqs:CreateQueue", "sqs:DeleteQueue", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags", "sqs:SetQueueAttributes",
      "sqs:TagQueue", "sqs:UntagQueue",
    ]
    resources = ["arn:aws:sqs:${local.here}:${var.name}-*"]
  }

  statement {
    sid       = "Rollout"
    actions   = ["codedeploy:*"]
    resources = ["arn:aws:codedeploy:${local.here}:application:${var.name}-*", "arn:aws:codedeploy:${local.here}:deploymentgroup:${var.name}-*", "arn:aws:codedeploy:${local.here}:deploymentconfig:*"]
  }

  statement {
    sid = "Alarms"
    actions = [
      "cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource", "cloudwatch:PutMetricAlarm",
      "cloudwatch:TagResource", "cloudwatch:UntagResource",
    ]
    resources = ["arn:aws:cloudwatch:${local.here}:alarm:${var.name}-*"]
  }

  statement {
    sid       = "Border"
    actions   = ["ssm:GetParameter", "ssm:GetParameters"]
    resources = ["arn:aws:ssm:${local.here}:parameter/berthcare/${var.environment}/*"]
  }

  statement {
    sid       = "Artifacts"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["${var.releases_bucket_arn}/*"]
  }

  statement {
    sid       = "Keys"
    actions   = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
    resources = [var.data_key_arn, var.logs_key_arn]
  }

  statement {
    sid       = "Sam"
    actions   = ["cloudformation:CreateChangeSet"]
    resources = ["arn:aws:cloudformation:${local.region}:aws:transform/Serverless-2016-10-31"]
  }

  statement {
    sid       = "Placement"
    actions   = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"]
    resources = ["*"]
  }
}

resource "aws_iam_role" "cloudformation" {
  name               = "${var.name}-cloudformation"
  description        = "Makes what template.yaml holds"
  assume_role_policy = data.aws_iam_policy_document.cloudformation_trust.json
}

resource "aws_iam_role_policy" "cloudformation" {
  name   = "release"
  role   = aws_iam_role.cloudformation.id
  policy = data.aws_iam_policy_document.cloudformation.json
}

# The upper bound of the two other roles of a release: that of CodeDeploy, which shifts traffic, and that of the
# scheduler, which invokes `jobs`.
data "aws_iam_policy_document" "delivery_boundary" {
  statement {
    actions = [
      "lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:InvokeFunction", "lambda:UpdateAlias", "sqs:SendMessage",
    ]
    resources = ["arn:aws:lambda:${local.here}:function:${var.name}-*", "arn:aws:sqs:${local.here}:${var.name}-*"]
  }

  statement {
    actions   = ["cloudwatch:DescribeAlarms"]
    resources = ["arn:aws:cloudwatch:${local.here}:alarm:${var.name}-*"]
  }

  statement {
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.data_key_arn]
  }
}

resource "aws_iam_policy" "delivery_boundary" {
  name        = "${var.name}-delivery-boundary"
  description = "The most that CodeDeploy and the scheduler may do"
  policy      = data.aws_iam_policy_document.delivery_boundary.json
}
