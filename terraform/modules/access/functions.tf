# The two policies that every function's role in template.yaml carries.

# What Lambda needs to put a function into the VPC. Lambda calls these, not the function: whose code may not.
data "aws_iam_policy_document" "vpc" {
  # checkov:skip=CKV_AWS_111:Network interfaces have no name before they are made; they are held to our subnets and group.
  # checkov:skip=CKV_AWS_356:EC2 knows no resource for the describing calls.
  statement {
    sid       = "Describe"
    actions   = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
    resources = ["*"]
  }

  statement {
    sid     = "MakeInterfacesInOurSubnets"
    actions = ["ec2:CreateNetworkInterface"]
    resources = concat(
      ["arn:aws:ec2:${local.here}:network-interface/*", "arn:aws:ec2:${local.here}:security-group/${var.functions_security_group_id}"],
      [for subnet in var.private_subnet_ids : "arn:aws:ec2:${local.here}:subnet/${subnet}"],
    )
  }

  statement {
    sid       = "AddressesAndRemoval"
    actions   = ["ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses", "ec2:DeleteNetworkInterface"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [local.account]
    }
  }

  statement {
    sid       = "NotTheFunctionItself"
    effect    = "Deny"
    actions   = ["ec2:*"]
    resources = ["*"]

    condition {
      test     = "ArnLike"
      variable = "lambda:SourceFunctionArn"
      values   = ["arn:aws:lambda:${local.here}:function:${var.name}-*"]
    }
  }
}

resource "aws_iam_policy" "vpc" {
  name        = "${var.name}-function-vpc"
  description = "Lets Lambda attach a function to the VPC"
  policy      = data.aws_iam_policy_document.vpc.json
}

# The upper bound of each function's role: the deployer can make no role that reaches beyond it.
data "aws_iam_policy_document" "boundary" {
  # checkov:skip=CKV_AWS_111:A boundary grants nothing; the roles in template.yaml name their resources.
  # checkov:skip=CKV_AWS_356:A boundary grants nothing; X-Ray and EC2's describing calls know no resources.
  # checkov:skip=CKV_AWS_108:A boundary grants nothing.
  statement {
    sid = "OurThings"
    actions = [
      "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem",
      "lambda:InvokeFunction",
      "logs:CreateLogStream", "logs:PutLogEvents",
      "rds-db:connect",
      "s3:DeleteObjectVersion", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:ListBucketVersions", "s3:PutObject",
      "s3:PutObjectRetention",
      "secretsmanager:GetSecretValue",
      "sqs:SendMessage",
    ]
    resources = [
      "arn:aws:dynamodb:${local.here}:table/${var.name}-*",
      "arn:aws:lambda:${local.here}:function:${var.name}-*",
      "arn:aws:logs:${local.here}:log-group:/aws/lambda/${var.name}-*",
      "arn:aws:rds-db:${local.here}:dbuser:*/berthcare_app",
      "arn:aws:rds-db:${local.here}:dbuser:*/berthcare_migrate",
      "arn:aws:s3:::berthcare-*-${var.environment}-${local.region}",
      "arn:aws:s3:::berthcare-*-${var.environment}-${local.region}/*",
      "arn:aws:secretsmanager:${local.here}:secret:${var.environment}/*",
      "arn:aws:sqs:${local.here}:${var.name}-*",
    ]
  }

  statement {
    sid       = "OurKeys"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.data_key_arn, var.secrets_key_arn]
  }

  statement {
    sid       = "Tracing"
    actions   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
    resources = ["*"]
  }

  statement {
    sid = "TheVpc"
    actions = [
      "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
      "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_policy" "boundary" {
  name        = "${var.name}-function-boundary"
  description = "The most that a function's role may do"
  policy      = data.aws_iam_policy_document.boundary.json
}
