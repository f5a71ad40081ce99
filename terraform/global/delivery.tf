# GitHub's workflows deploy by OIDC: no key is stored. They hand CloudFormation a template and the right to use a role
# of CloudFormation's own, and can do nothing of what that role can. The same role deploys to the region that recovers.

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
      values   = [for repository in var.github_repositories : "repo:${repository}:environment:${var.environment}"]
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
    resources = flatten([for region in local.regions : [
      "arn:aws:cloudformation:${region}:${var.account_id}:stack/${local.name}/*",
      "arn:aws:cloudformation:${region}:aws:transform/Serverless-2016-10-31",
    ]])
  }

  statement {
    sid       = "HandOver"
    actions   = ["iam:PassRole"]
    resources = [for region in local.regions : "arn:aws:iam::${var.account_id}:role/${local.name}-${region}-cloudformation"]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["cloudformation.amazonaws.com"]
    }
  }

  statement {
    sid       = "Upload"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = [for region in local.regions : "arn:aws:s3:::berthcare-releases-${var.environment}-${region}/*"]
  }

  statement {
    sid       = "UploadEncrypted"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [for region in local.regions : "arn:aws:kms:${region}:${var.account_id}:key/*"]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = [for region in local.regions : "s3.${region}.amazonaws.com"]
    }

    condition {
      test     = "ForAnyValue:StringEquals"
      variable = "kms:ResourceAliases"
      values   = ["alias/${local.name}-data"]
    }
  }

  statement {
    sid       = "Border"
    actions   = ["ssm:GetParameter", "ssm:GetParameters"]
    resources = [for region in local.regions : "arn:aws:ssm:${region}:${var.account_id}:parameter/berthcare/${var.environment}/*"]
  }

  statement {
    sid = "MigrationsFirst"
    actions = [
      "lambda:GetFunction", "lambda:GetFunctionConfiguration", "lambda:InvokeFunction", "lambda:UpdateFunctionCode",
    ]
    resources = flatten([for region in local.regions : [
      "arn:aws:lambda:${region}:${var.account_id}:function:${local.name}-migrate",
      "arn:aws:lambda:${region}:${var.account_id}:function:${local.name}-migrate:*",
    ]])
  }

  # Contractions are refused where an older version serves; each release notes what serves.
  statement {
    sid       = "WhatServes"
    actions   = ["lambda:GetAlias", "lambda:ListVersionsByFunction"]
    resources = [for region in local.regions : "arn:aws:lambda:${region}:${var.account_id}:function:${local.name}-*"]
  }

  # And back to what was noted.
  statement {
    sid       = "GoBack"
    actions   = ["lambda:UpdateAlias"]
    resources = [for region in local.regions : "arn:aws:lambda:${region}:${var.account_id}:function:${local.name}-*"]
  }

  statement {
    sid       = "Notes"
    actions   = ["s3:ListBucket"]
    resources = [for region in local.regions : "arn:aws:s3:::berthcare-releases-${var.environment}-${region}"]
  }

  statement {
    sid       = "WhetherSentryIsUsed"
    actions   = ["secretsmanager:DescribeSecret"]
    resources = [for region in local.regions : "arn:aws:secretsmanager:${region}:${var.account_id}:secret:${var.environment}/sentry-*"]
  }

  statement {
    sid     = "SnapshotBeforeContraction"
    actions = ["rds:AddTagsToResource", "rds:CreateDBSnapshot", "rds:DescribeDBSnapshots"]
    resources = flatten([for region in local.regions : [
      "arn:aws:rds:${region}:${var.account_id}:db:${local.name}",
      "arn:aws:rds:${region}:${var.account_id}:snapshot:${local.name}-before-contract-*",
    ]])
  }
}

resource "aws_iam_role" "deploy" {
  name                 = "${local.name}-deploy"
  description          = "GitHub's workflows for ${var.environment}"
  assume_role_policy   = data.aws_iam_policy_document.deploy_trust.json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "deploy" {
  name   = "deploy"
  role   = aws_iam_role.deploy.id
  policy = data.aws_iam_policy_document.deploy.json
}
