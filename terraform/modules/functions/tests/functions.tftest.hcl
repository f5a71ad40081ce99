# What a line of the table becomes.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_region" {
    defaults = { region = "ca-central-1" }
  }

  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:ca-central-1:123456789012:berthcare-staging-dead-letters" }
  }
}

variables {
  context = {
    environment = "staging"
    name        = "berthcare-staging"
    global_name = "berthcare-staging-ca-central-1"
  }
  secret_arns          = { origin = "arn:aws:secretsmanager:ca-central-1:123456789012:secret:staging/origin-AbCdEf" }
  table_arn            = "arn:aws:dynamodb:ca-central-1:123456789012:table/berthcare-staging-ephemeral"
  bucket_arns          = { photos = "arn:aws:s3:::berthcare-photos-staging-ca-central-1" }
  proxy_resource_id    = "prx-0123456789"
  security_group_id    = "sg-0123456789"
  subnet_ids           = ["subnet-0123456789"]
  data_key_arn         = "arn:aws:kms:ca-central-1:123456789012:key/data"
  secrets_key_arn      = "arn:aws:kms:ca-central-1:123456789012:key/secrets"
  logs_key_arn         = "arn:aws:kms:ca-central-1:123456789012:key/logs"
  dead_letters_key_arn = "arn:aws:kms:ca-central-1:123456789012:key/data"
  realtime_api_arn     = "arn:aws:execute-api:ca-central-1:123456789012:0123456789"

  functions = {
    table  = { database_user = "one", secrets = [], table = ["GetItem"], objects = [], invokes = [], events = false }
    looks  = { database_user = "two", secrets = ["origin"], table = [], objects = [{ action = "s3:ListBucket", bucket = "photos", keys = "" }], invokes = [], events = false }
    hook   = { secrets = [], table = [], objects = [], invokes = [], tries = ["looks"], events = false }
    writes = { database_user = "two", secrets = [], table = [], objects = [{ action = "s3:PutObject", bucket = "photos", keys = "/*" }], invokes = ["jobs"], events = true }
  }
}

run "whoever_uses_a_service_may_use_its_key" {
  command = apply

  assert {
    condition     = local.services["table"] == toset(["dynamodb"])
    error_message = "The table is under our key: without it nobody signs in."
  }

  assert {
    condition     = local.services["looks"] == toset(["secretsmanager"])
    error_message = "Whoever only looks into a bucket needs no key for that."
  }

  assert {
    condition     = local.services["writes"] == toset(["s3", "sqs"])
    error_message = "Objects and dead letters are under our key."
  }
}

run "as_its_own_database_user_and_no_other" {
  command = apply

  assert {
    condition = { for name, rights in local.rights : name => [for right in rights : right.resource if right.action == "rds-db:connect"] } == {
      for name, user in { hook = null, table = "one", looks = "two", writes = "two" } :
      name => [for user in [user] : "arn:aws:rds-db:ca-central-1:123456789012:dbuser:prx-0123456789/${user}" if user != null]
    }
    error_message = "A function connects as one database user, or as none."
  }

  assert {
    condition     = alltrue([for name, role in aws_iam_role.function : role.name == "berthcare-staging-ca-central-1-${name}"])
    error_message = "Roles are named once in all regions together, and template.yaml knows them by name."
  }
}

run "a_hook_may_try_versions_and_tell_codedeploy" {
  command = apply

  assert {
    condition     = [for right in local.rights["hook"] : right.resource if right.action == "lambda:InvokeFunction"] == ["arn:aws:lambda:ca-central-1:123456789012:function:berthcare-staging-looks:*"]
    error_message = "It calls versions of those that it tries, and nobody else."
  }

  assert {
    condition     = [for name, rights in local.rights : name if anytrue([for right in rights : startswith(right.action, "codedeploy:")])] == ["hook"]
    error_message = "Nobody else has a word in a deployment."
  }

  assert {
    condition     = alltrue([for right in local.rights["hook"] : right.resource == "*" if startswith(right.action, "codedeploy:")])
    error_message = "These actions know no names: on one they are refused."
  }
}
