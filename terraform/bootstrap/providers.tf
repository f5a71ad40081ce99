provider "aws" {
  region              = "ca-central-1"
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.tags
  }
}

provider "aws" {
  alias               = "recovery"
  region              = "ca-west-1"
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.tags
  }
}
