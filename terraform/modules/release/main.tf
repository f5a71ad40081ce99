# CloudFormation, which makes what template.yaml holds; CodeDeploy, which shifts traffic and shifts it back; and
# EventBridge Scheduler, which invokes `jobs`.

# What template.yaml holds, and nothing else.
data "aws_iam_policy_document" "cloudformation" {
  # checkov:skip=CKV_AWS_111:API Gateway, CodeDeploy and event source calls are held to this account's own names or know
  # none.
  # checkov:skip=CKV_AWS_356:Some describing calls of Lambda and Logs know no resource.
  statement {
    sid     = "Functions"
    actions = ["lambda:*"]
    resources = [
      "arn:aws:lambda:${local.here}:function:${var.context.name}-*",
      "arn:aws:lambda:${local.here}:event-source-mapping:*",
    ]
  }

  # Made by Terraform; a release gives them to what it makes.
  statement {
    sid       = "HandRolesOver"
    actions   = ["iam:GetRole", "iam:PassRole"]
    resources = ["arn:aws:iam::${local.account}:role/${var.context.global_name}-*"]

    condition {
      test     = "StringEqualsIfExists"
      variable = "iam:PassedToService"
      values   = ["codedeploy.amazonaws.com", "lambda.amazonaws.com", "scheduler.amazonaws.com"]
    }
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
      "arn:aws:events:${local.here}:rule/${var.context.name}-*",
      "arn:aws:scheduler:${local.here}:schedule/${var.context.name}/*",
      "arn:aws:scheduler:${local.here}:schedule-group/${var.context.name}",
    ]
  }

  statement {
    sid       = "Rollout"
    actions   = ["codedeploy:*"]
    resources = ["arn:aws:codedeploy:${local.here}:application:${var.context.name}-*", "arn:aws:codedeploy:${local.here}:deploymentgroup:${var.context.name}-*", "arn:aws:codedeploy:${local.here}:deploymentconfig:*"]
  }

  statement {
    sid = "Alarms"
    actions = [
      "cloudwatch:DeleteAlarms", "cloudwatch:ListTagsForResource", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource",
      "cloudwatch:UntagResource",
    ]
    resources = ["arn:aws:cloudwatch:${local.here}:alarm:${var.context.name}-*"]
  }

  # Knows no names: AWS's list of CloudWatch's actions has it on `*` alone.
  statement {
    sid       = "ReadAlarms"
    actions   = ["cloudwatch:DescribeAlarms"]
    resources = ["*"]
  }

  statement {
    sid       = "Border"
    actions   = ["ssm:GetParameter", "ssm:GetParameters"]
    resources = ["arn:aws:ssm:${local.here}:parameter/berthcare/${var.context.environment}/*"]
  }

  statement {
    sid       = "Artifacts"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["${var.releases_bucket_arn}/*"]
  }

  # Releases lie under this key.
  statement {
    sid       = "Keys"
    actions   = ["kms:Decrypt"]
    resources = [var.data_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${local.region}.amazonaws.com"]
    }
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

module "cloudformation_role" {
  source = "../service_role"

  name        = "${var.context.global_name}-cloudformation"
  description = "Makes what template.yaml holds"
  service     = "cloudformation.amazonaws.com"
  policies    = { release = data.aws_iam_policy_document.cloudformation.json }
}
