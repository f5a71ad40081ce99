# What Lambda needs to put a function into the VPC. Lambda calls these, not the function: whose code may not.
data "aws_iam_policy_document" "vpc" {
  # checkov:skip=CKV_AWS_111:Network interfaces have no name before they are made; they are held to our subnets and
  # group.
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
      ["arn:aws:ec2:${local.here}:network-interface/*", "arn:aws:ec2:${local.here}:security-group/${var.security_group_id}"],
      [for subnet in var.subnet_ids : "arn:aws:ec2:${local.here}:subnet/${subnet}"],
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
      values   = ["arn:aws:lambda:${local.here}:function:${var.context.name}-*"]
    }
  }
}

resource "aws_iam_policy" "vpc" {
  name        = "${local.role_prefix}function-vpc"
  description = "Lets Lambda attach a function to the VPC"
  policy      = data.aws_iam_policy_document.vpc.json
}
