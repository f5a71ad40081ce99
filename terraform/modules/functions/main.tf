# A role and a log group for each function, out of the table in terraform/region/functions.tf; what they share beside.

locals {
  role_prefix = "${var.context.global_name}-"

  # What a hook asks CodeDeploy: which version this is about, and that it may go on.
  deployments = ["GetDeploymentTarget", "ListDeploymentTargets", "PutLifecycleEventHookExecutionStatus"]

  # By function, what its line allows it: an action on one resource.
  rights = {
    for name, function in var.functions : name => concat(
      [
        for user in [function.database_user] :
        { action = "rds-db:connect", resource = "arn:aws:rds-db:${local.here}:dbuser:${var.proxy_resource_id}/${user}" } if user != null
      ],
      [for secret in function.secrets : { action = "secretsmanager:GetSecretValue", resource = var.secret_arns[secret] }],
      [for operation in function.table : { action = "dynamodb:${operation}", resource = var.table_arn }],
      [for object in function.objects : { action = object.action, resource = "${var.bucket_arns[object.bucket]}${object.keys}" }],
      [for other in function.invokes : { action = "lambda:InvokeFunction", resource = "arn:aws:lambda:${local.here}:function:${var.context.name}-${other}:live" }],
      [for action in ["ManageConnections"] : { action = "execute-api:${action}", resource = "${var.realtime_api_arn}/live/*/@connections/*" } if function.sockets],
      # Qualified ones alone: IAM can't tell a version from an alias, but both from what a bare name means.
      [for other in function.tries : { action = "lambda:InvokeFunction", resource = "arn:aws:lambda:${local.here}:function:${var.context.name}-${other}:*" }],
      # They know no names.
      [for action in local.deployments : { action = "codedeploy:${action}", resource = "*" } if length(function.tries) > 0],
      function.events ? [{ action = "sqs:SendMessage", resource = aws_sqs_queue.dead_letters.arn }] : [],
    )
  }

  # What a service asks of our key in the caller's name, for what it keeps under that key. Whoever uses the service
  # needs it.
  keys = {
    dynamodb       = { key = var.data_key_arn, actions = ["kms:Decrypt"] }
    s3             = { key = var.data_key_arn, actions = ["kms:Decrypt", "kms:GenerateDataKey"] }
    secretsmanager = { key = var.secrets_key_arn, actions = ["kms:Decrypt"] }
    sqs            = { key = var.dead_letters_key_arn, actions = ["kms:Decrypt", "kms:GenerateDataKey"] }
  }

  # What any caller of S3 may ask of a bucket without reading or writing an object needs no key.
  without_key = ["s3:ListBucket", "s3:ListBucketVersions", "s3:DeleteObjectVersion", "s3:PutObjectRetention"]

  services = {
    for name, rights in local.rights : name => setintersection(
      keys(local.keys), [for right in rights : split(":", right.action)[0] if !contains(local.without_key, right.action)],
    )
  }
}

# Ours, before Lambda makes it: with a key and an end.
resource "aws_cloudwatch_log_group" "function" {
  # checkov:skip=CKV_AWS_338:The record of who saw what is the audit log; these lines are for finding faults.
  for_each = var.functions

  name              = "/aws/lambda/${var.context.name}-${each.key}"
  retention_in_days = 90
  kms_key_id        = var.logs_key_arn
}

resource "aws_cloudwatch_log_group" "api" {
  # checkov:skip=CKV_AWS_338:The record of who saw what is the audit log; these lines are for finding faults.
  name              = "/berthcare/${var.context.environment}/api"
  retention_in_days = 90
  kms_key_id        = var.logs_key_arn
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "function" {
  for_each = var.functions

  name               = "${local.role_prefix}${each.key}"
  description        = "The function ${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

data "aws_iam_policy_document" "function" {
  # checkov:skip=CKV_AWS_356:X-Ray and what a hook asks of CodeDeploy know no resources.
  # checkov:skip=CKV_AWS_111:X-Ray and what a hook asks of CodeDeploy know no resources.
  for_each = var.functions

  dynamic "statement" {
    for_each = local.rights[each.key]

    content {
      actions   = [statement.value.action]
      resources = [statement.value.resource]
    }
  }

  dynamic "statement" {
    for_each = local.services[each.key]

    content {
      actions   = local.keys[statement.value].actions
      resources = [local.keys[statement.value].key]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["${statement.value}.${local.region}.amazonaws.com"]
      }
    }
  }

  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.function[each.key].arn}:*"]
  }

  statement {
    actions   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "function" {
  for_each = var.functions

  name   = each.key
  role   = aws_iam_role.function[each.key].id
  policy = data.aws_iam_policy_document.function[each.key].json
}

resource "aws_iam_role_policy_attachment" "vpc" {
  for_each = var.functions

  role       = aws_iam_role.function[each.key].name
  policy_arn = aws_iam_policy.vpc.arn
}
