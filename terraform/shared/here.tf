# Where this is: the account, the region, and both as an ARN has them.

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  region  = data.aws_region.current.region
  here    = "${local.region}:${local.account}"
}
