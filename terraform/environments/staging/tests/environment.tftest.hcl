# The whole environment with the sizes that are committed.

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

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

mock_provider "aws" {
  alias = "recovery"

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

mock_provider "aws" {
  alias = "us_east_1"

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

mock_provider "random" {}

# It makes the first passwords by an ephemeral resource, which mocks don't know.
override_module {
  target = module.database

  outputs = {
    instance_id       = "berthcare"
    instance_arn      = "arn:aws:rds:ca-central-1:123456789012:db:berthcare"
    name              = "berthcare"
    admin_secret_arn  = "arn:aws:secretsmanager:ca-central-1:123456789012:secret:rds"
    proxy_name        = "berthcare"
    proxy_endpoint    = "berthcare.proxy.example"
    proxy_resource_id = "prx-0123456789abcdef0"
  }
}

variables {
  account_id        = "123456789012"
  domain_name       = "api.example.ca"
  hosted_zone_id    = "Z0123456789EXAMPLE"
  github_repository = "berthcare/berthcare"
  alarm_emails      = ["oncall@example.ca"]
}

run "plan" {
  command = plan

  assert {
    condition     = alltrue([for parameter in aws_ssm_parameter.published : startswith(parameter.name, "/berthcare/${var.environment}/")])
    error_message = "Everything is published under /berthcare/{environment}/."
  }

  assert {
    condition     = aws_ssm_parameter.published["storage/photos-bucket"].value == "berthcare-photos-${var.environment}-ca-central-1"
    error_message = "The photos' bucket has another name than the functions' policies allow."
  }

  assert {
    condition     = aws_ssm_parameter.published["ephemeral/table-name"].value == "berthcare-${var.environment}-ephemeral"
    error_message = "The table has another name than the functions' policies allow."
  }
}
