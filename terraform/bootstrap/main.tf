# Where Terraform keeps its state, made once for each account before anything else, with a state of its own on the
# operator's machine: there is little in it, and `terraform import` makes it anew.

locals {
  name = "berthcare-terraform-${var.environment}"
  tags = { Project = "BerthCare", Environment = var.environment, ManagedBy = "terraform/bootstrap" }
}

module "key" {
  source = "../modules/key"

  name        = local.name
  description = "Terraform's state"
}

module "recovery_key" {
  source    = "../modules/key"
  providers = { aws = aws.recovery }

  name        = local.name
  description = "Terraform's state, in the second region"
}

module "access_logs" {
  source = "../modules/bucket"

  name              = "${local.name}-${var.account_id}-access-logs"
  expire_after_days = 400
  takes_access_logs = true
}

module "state" {
  source = "../modules/bucket"

  name                     = "${local.name}-${var.account_id}"
  key_arn                  = module.key.arn
  log_bucket               = module.access_logs.name
  keep_older_versions_days = 365
}

module "state_copy" {
  source    = "../modules/bucket"
  providers = { aws = aws.recovery }

  name                     = "${local.name}-${var.account_id}-copy"
  key_arn                  = module.recovery_key.arn
  keep_older_versions_days = 365
}

data "aws_iam_policy_document" "replication" {
  statement {
    sid       = "SeeTheState"
    actions   = ["s3:GetReplicationConfiguration", "s3:ListBucket"]
    resources = [module.state.arn]
  }

  statement {
    sid       = "ReadIt"
    actions   = ["s3:GetObjectVersionAcl", "s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging"]
    resources = ["${module.state.arn}/*"]
  }

  statement {
    sid       = "WriteTheCopy"
    actions   = ["s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"]
    resources = ["${module.state_copy.arn}/*"]
  }

  statement {
    sid       = "Decrypt"
    actions   = ["kms:Decrypt"]
    resources = [module.key.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.ca-central-1.amazonaws.com"]
    }
  }

  statement {
    sid       = "EncryptTheCopy"
    actions   = ["kms:Encrypt", "kms:GenerateDataKey"]
    resources = [module.recovery_key.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.ca-west-1.amazonaws.com"]
    }
  }
}

module "replication_role" {
  source = "../modules/service_role"

  name     = "${local.name}-replication"
  service  = "s3.amazonaws.com"
  policies = { replicate-state = data.aws_iam_policy_document.replication.json }
}

resource "aws_s3_bucket_replication_configuration" "state" {
  bucket = module.state.name
  role   = module.replication_role.role.arn

  rule {
    id     = "second-region"
    status = "Enabled"
    filter {}

    delete_marker_replication {
      status = "Disabled"
    }

    source_selection_criteria {
      sse_kms_encrypted_objects {
        status = "Enabled"
      }
    }

    destination {
      bucket        = module.state_copy.arn
      storage_class = "STANDARD_IA"

      encryption_configuration {
        replica_kms_key_id = module.recovery_key.arn
      }
    }
  }

  depends_on = [module.replication_role]
}

# What the runbooks ask for, in both regions: nothing of it is on one person's disk.
resource "aws_ssm_parameter" "published" {
  # checkov:skip=CKV2_AWS_34:Names, none of them secret.
  # checkov:skip=CKV_AWS_337:Names, none of them secret.
  for_each = {
    ca-central-1 = module.state.name
    ca-west-1    = module.state_copy.name
  }
  region = each.key

  name  = "/berthcare/${var.environment}/terraform/state-bucket"
  type  = "String"
  value = each.value
}
