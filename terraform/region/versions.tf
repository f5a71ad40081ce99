terraform {
  required_version = ">= 1.11, < 2"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.66"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.9"
    }
  }

  # terraform/bootstrap's bucket, which encrypts by itself; docs/runbooks says how `init` names bucket, key and region.
  backend "s3" {
    use_lockfile = true
  }
}

# All data.
provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.tags
  }
}

# Copies for recovery, in Canada too.
provider "aws" {
  alias               = "copies"
  region              = var.copies_region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.tags
  }
}
