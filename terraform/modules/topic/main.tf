# Whom alarms tell: everybody by e-mail, and the pager of what is critical. Nothing of it is personal data.

data "aws_caller_identity" "current" {}

resource "aws_sns_topic" "this" {
  name              = var.name
  kms_master_key_id = var.key_arn
}

data "aws_iam_policy_document" "topic" {
  statement {
    sid       = "Alarms"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.this.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }

  # Neither of these carries an account where a document says so: EventBridge supports no condition on topics at all.
  dynamic "statement" {
    for_each = var.tellers

    content {
      sid       = replace(title(split(".", statement.value)[0]), "-", "")
      actions   = ["sns:Publish"]
      resources = [aws_sns_topic.this.arn]

      principals {
        type        = "Service"
        identifiers = [statement.value]
      }
    }
  }
}

resource "aws_sns_topic_policy" "this" {
  arn    = aws_sns_topic.this.arn
  policy = data.aws_iam_policy_document.topic.json
}

resource "aws_sns_topic_subscription" "email" {
  for_each = var.emails

  topic_arn = aws_sns_topic.this.arn
  protocol  = "email"
  endpoint  = each.key
}

# An alarm's description begins with its severity; the pager is told when it is over, too.
resource "aws_sns_topic_subscription" "pager" {
  count = var.pager_endpoint == null ? 0 : 1

  topic_arn              = aws_sns_topic.this.arn
  protocol               = "https"
  endpoint               = var.pager_endpoint
  endpoint_auto_confirms = true
  filter_policy_scope    = "MessageBody"
  filter_policy          = jsonencode({ AlarmDescription = [{ prefix = "[critical]" }] })
}
