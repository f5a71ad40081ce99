# A private bucket: versioned, encrypted, TLS only, its reads and writes logged, its oldest bytes made cheap.

data "aws_caller_identity" "current" {}

resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV_AWS_144:AWS Backup copies photos and documents to ca-west-1; the others can be made anew.
  # checkov:skip=CKV2_AWS_62:Only the photos bucket has something to tell; see the storage module.
  # checkov:skip=CKV_AWS_18:The bucket that takes the access logs can't log into itself.
  # checkov:skip=CKV_AWS_145:S3 can't deliver access logs into a bucket with a customer-managed key.
  bucket              = var.name
  object_lock_enabled = var.lock_days > 0
  force_destroy       = false

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    # One data key for many objects, which saves nearly all requests to KMS.
    bucket_key_enabled = var.key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.key_arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_logging" "this" {
  count = var.log_bucket == null ? 0 : 1

  bucket        = aws_s3_bucket.this.id
  target_bucket = var.log_bucket
  target_prefix = "s3/${var.name}/"
}

resource "aws_s3_bucket_object_lock_configuration" "this" {
  count = var.lock_days > 0 ? 1 : 0

  bucket = aws_s3_bucket.this.id

  rule {
    default_retention {
      mode = "COMPLIANCE"
      days = var.lock_days
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  # checkov:skip=CKV_AWS_300:The first rule does; checkov loses it beside rules that a list makes.
  bucket = aws_s3_bucket.this.id

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  dynamic "rule" {
    for_each = var.cheaper_after_days > 0 ? [var.cheaper_after_days] : []

    content {
      id     = "cheaper"
      status = "Enabled"
      filter {}

      transition {
        days          = rule.value
        storage_class = "GLACIER_IR"
      }
    }
  }

  dynamic "rule" {
    for_each = var.expire_after_days > 0 ? [var.expire_after_days] : []

    content {
      id     = "expired"
      status = "Enabled"
      filter {}

      expiration {
        days = rule.value
      }
    }
  }

  # What a person or a job deleted, or wrote over, is kept as an older version for this long.
  rule {
    id     = "older-versions"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.keep_older_versions_days
    }
  }

  dynamic "rule" {
    for_each = var.passing_prefixes

    content {
      id     = "passing-${trim(rule.key, "/")}"
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      expiration {
        days = rule.value
      }

      noncurrent_version_expiration {
        noncurrent_days = 1
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

locals {
  # What is refused, whoever asks.
  refusals = {
    TlsOnly  = { test = "Bool", variable = "aws:SecureTransport", value = "false" }
    NoOldTls = { test = "NumericLessThan", variable = "s3:TlsVersion", value = "1.2" }
  }
}

data "aws_iam_policy_document" "bucket" {
  source_policy_documents = var.policy_documents

  dynamic "statement" {
    for_each = local.refusals

    content {
      sid       = statement.key
      effect    = "Deny"
      actions   = ["s3:*"]
      resources = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]

      principals {
        type        = "*"
        identifiers = ["*"]
      }

      condition {
        test     = statement.value.test
        variable = statement.value.variable
        values   = [statement.value.value]
      }
    }
  }

  dynamic "statement" {
    for_each = var.takes_access_logs ? ["S3DeliversAccessLogs"] : []

    content {
      sid       = statement.value
      actions   = ["s3:PutObject"]
      resources = ["${aws_s3_bucket.this.arn}/s3/*"]

      principals {
        type        = "Service"
        identifiers = ["logging.s3.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [data.aws_caller_identity.current.account_id]
      }
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = data.aws_iam_policy_document.bucket.json

  depends_on = [aws_s3_bucket_public_access_block.this]
}
