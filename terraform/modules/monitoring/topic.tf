# Whom alarms tell here; terraform/edge has its own of the same name, since an alarm tells only a topic of its own
# region.

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  region  = data.aws_region.current.region
}

module "topic" {
  source = "../topic"

  name           = "${var.context.name}-alerts"
  key_arn        = var.logs_key_arn
  tellers        = ["backup.amazonaws.com", "events.amazonaws.com"]
  emails         = var.emails
  pager_endpoint = var.pager_endpoint
}
