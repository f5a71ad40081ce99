# Who may read what, and how the origin secret moves.

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

  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:ca-central-1:123456789012:key/00000000-0000-0000-0000-000000000000" }
  }

  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:ca-central-1:123456789012:secret:staging/x-AbCdEf" }
  }
}

mock_provider "random" {}

variables {
  context = {
    environment = "staging"
    name        = "berthcare-staging"
    global_name = "berthcare-staging-ca-central-1"
  }
  readers       = { jwt-signing-key = ["auth"], origin = ["auth", "health"] }
  origin_secret = { accepted = 1, sent = 1 }
}

run "readers" {
  command = plan

  assert {
    condition     = tolist(data.aws_iam_policy_document.readers["jwt-signing-key"].statement[0].condition)[0].values == tolist(["arn:aws:iam::123456789012:role/berthcare-staging-ca-central-1-auth"])
    error_message = "A secret that one function reads is read by its role and no other."
  }

  assert {
    condition     = [for name, secret in aws_secretsmanager_secret.this : name if secret.recovery_window_in_days != 7] == []
    error_message = "A secret deleted by mistake can be had back for 7 days."
  }
}

run "terraform_writes_what_it_may_not_read" {
  command = plan

  assert {
    condition     = aws_secretsmanager_secret_version.origin.secret_string == null
    error_message = "Terraform would read it to compare, and be refused by the secret's own policy."
  }
}

run "a_new_origin_secret_is_accepted_before_it_is_sent" {
  command = plan

  variables {
    origin_secret = { accepted = 2, sent = 1 }
  }

  assert {
    condition     = keys(random_password.origin) == ["1", "2"]
    error_message = "Two are valid during the rotation."
  }
}

run "never_sent_before_it_is_accepted" {
  command = plan

  variables {
    origin_secret = { accepted = 1, sent = 2 }
  }

  expect_failures = [var.origin_secret]
}
