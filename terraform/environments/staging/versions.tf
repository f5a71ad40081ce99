terraform {
  required_version = ">= 1.11, < 2"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
  }

  # The bucket is terraform/bootstrap's: terraform init -backend-config=backend.hcl
  backend "s3" {
    key          = "environment.tfstate"
    region       = "ca-central-1"
    encrypt      = true
    use_lockfile = true
  }
}

# All data.
provider "aws" {
  region              = "ca-central-1"
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.tags
  }
}

# Recovery copies, in Canada too.
provider "aws" {
  alias               = "recovery"
  region              = "ca-west-1"
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.tags
  }
}

# CloudFront's certificate, firewall and metrics, which are to be had nowhere else. No data.
provider "aws" {
  alias               = "us_east_1"
  region              = "us-east-1"
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.tags
  }
}
