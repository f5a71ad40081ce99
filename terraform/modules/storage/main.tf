# Photos, documents, exports, the audit chain's anchors, releases, and the access logs of them all.

data "aws_caller_identity" "current" {}

locals {
  seven_year = 2557

  # What CloudTrail does with the bucket of logs.
  trail = {
    CloudTrailLooks    = { action = "s3:GetBucketAcl", keys = "" }
    CloudTrailDelivers = { action = "s3:PutObject", keys = "/cloudtrail/*" }
  }
}

module "access_logs" {
  source = "../bucket"

  name              = "berthcare-access-logs-${var.environment}-${var.region}"
  expire_after_days = 400
  takes_access_logs = true
  policy_documents  = [data.aws_iam_policy_document.trail.json]
}

data "aws_iam_policy_document" "trail" {
  dynamic "statement" {
    for_each = local.trail

    content {
      sid       = statement.key
      actions   = [statement.value.action]
      resources = ["arn:aws:s3:::berthcare-access-logs-${var.environment}-${var.region}${statement.value.keys}"]

      principals {
        type        = "Service"
        identifiers = ["cloudtrail.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceArn"
        values   = ["arn:aws:cloudtrail:${var.region}:${data.aws_caller_identity.current.account_id}:trail/${var.trail_name}"]
      }
    }
  }
}

module "photos" {
  source = "../bucket"

  name                     = "berthcare-photos-${var.environment}-${var.region}"
  key_arn                  = var.data_key_arn
  log_bucket               = module.access_logs.name
  cheaper_after_days       = 365
  keep_older_versions_days = local.seven_year
  # What a phone sent, with the place it was taken at: the clean copy replaces it, and jobs sweep what stays after 7
  # days.
  passing_prefixes = { "uploads/" = 14 }
}

# EventBridge hears of each new object; template.yaml has the rule that invokes `photos`. So the bucket knows no
# function and the function's release no bucket policy.
resource "aws_s3_bucket_notification" "photos" {
  bucket      = module.photos.name
  eventbridge = true
}

# What the portal's pages may do with signed URLs: uploads arrive among the photos, whatever they are of. The local
# stack reads these two lines, too (local/stack/bucket_cors.py).
locals {
  browsers = {
    photos    = { bucket = module.photos.name, methods = ["GET", "PUT"] }
    documents = { bucket = module.documents.name, methods = ["GET"] }
    exports   = { bucket = module.exports.name, methods = ["GET"] }
  }
}

resource "aws_s3_bucket_cors_configuration" "this" {
  for_each = length(var.portal_origins) > 0 ? local.browsers : {}

  bucket = each.value.bucket

  cors_rule {
    allowed_origins = var.portal_origins
    allowed_methods = each.value.methods
    allowed_headers = ["content-type", "if-none-match", "x-amz-checksum-sha256"]
    max_age_seconds = 600
  }
}

module "documents" {
  source = "../bucket"

  name                     = "berthcare-documents-${var.environment}-${var.region}"
  key_arn                  = var.data_key_arn
  log_bucket               = module.access_logs.name
  cheaper_after_days       = 365
  keep_older_versions_days = local.seven_year
}

# Files of everything held on a client, which whoever asked fetches within three days. `exports` removes them; what it
# leaves goes by these rules. Nothing of it is backed up: it can be made anew.
module "exports" {
  source = "../bucket"

  name                     = "berthcare-exports-${var.environment}-${var.region}"
  key_arn                  = var.data_key_arn
  log_bucket               = module.access_logs.name
  expire_after_days        = 4
  keep_older_versions_days = 1
}

module "anchors" {
  source = "../bucket"

  name                     = "berthcare-anchors-${var.environment}-${var.region}"
  key_arn                  = var.data_key_arn
  log_bucket               = module.access_logs.name
  lock_days                = var.anchor_lock_days
  keep_older_versions_days = local.seven_year
}

module "releases" {
  source = "../bucket"

  name              = "berthcare-releases-${var.environment}-${var.region}"
  key_arn           = var.data_key_arn
  log_bucket        = module.access_logs.name
  expire_after_days = 400
}
