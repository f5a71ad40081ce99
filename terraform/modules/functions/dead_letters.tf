# Events that could not be delivered, with ids and no content; an alarm watches it.

resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.context.name}-dead-letters"
  message_retention_seconds = 1209600
  kms_master_key_id         = var.dead_letters_key_arn
}

data "aws_iam_policy_document" "dead_letters" {
  statement {
    sid       = "UploadsThatPhotosMissed"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letters.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = ["arn:aws:events:${local.here}:rule/${var.context.name}-photo-arrived"]
    }
  }

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [aws_sqs_queue.dead_letters.arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue_policy" "dead_letters" {
  queue_url = aws_sqs_queue.dead_letters.url
  policy    = data.aws_iam_policy_document.dead_letters.json
}
