terraform {
  # terraform/bootstrap's bucket, which encrypts by itself; docs/runbooks says how `init` names bucket, key and region.
  backend "s3" {
    use_lockfile = true
  }
}

provider "aws" {
  region              = "ca-central-1"
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.tags
  }
}

# CloudFront's certificate, and what AWS tells of costs, which are to be had nowhere else. No data.
provider "aws" {
  alias               = "us_east_1"
  region              = "us-east-1"
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.tags
  }
}
