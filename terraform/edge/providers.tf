terraform {
  # terraform/bootstrap's bucket, which encrypts by itself; docs/runbooks says how `init` names bucket, key and region.
  backend "s3" {
    use_lockfile = true
  }
}

# CloudFront's firewall and metrics are to be had nowhere else. No data.
provider "aws" {
  region              = "us-east-1"
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.tags
  }
}

# Read only: where the API serves.
provider "aws" {
  alias               = "serving"
  region              = var.serving_region
  allowed_account_ids = [var.account_id]
}
