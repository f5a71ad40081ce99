# The addresses that docs and firewalls of others rely on.

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
}

variables {
  context = {
    environment = "staging"
    name        = "berthcare-staging"
    global_name = "berthcare-staging-ca-central-1"
  }
  cidr            = "10.0.0.0/16"
  zones           = ["ca-central-1a", "ca-central-1b"]
  egress_per_zone = false
  logs_key_arn    = "arn:aws:kms:ca-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
}

run "staging" {
  command = plan

  assert {
    condition     = [for zone in var.zones : aws_subnet.public[zone].cidr_block] == ["10.0.1.0/24", "10.0.2.0/24"]
    error_message = "The public subnets are 10.0.1.0/24 and 10.0.2.0/24."
  }

  assert {
    condition     = [for zone in var.zones : aws_subnet.private[zone].cidr_block] == ["10.0.11.0/24", "10.0.12.0/24"]
    error_message = "The private subnets are 10.0.11.0/24 and 10.0.12.0/24."
  }

  assert {
    condition     = [for zone in var.zones : aws_subnet.database[zone].cidr_block] == ["10.0.21.0/24", "10.0.22.0/24"]
    error_message = "The database subnets are 10.0.21.0/24 and 10.0.22.0/24."
  }

  assert {
    condition     = keys(aws_nat_gateway.this) == ["ca-central-1a"]
    error_message = "One NAT gateway serves all zones."
  }
}

run "production" {
  command = plan

  variables {
    cidr            = "10.1.0.0/16"
    zones           = ["ca-central-1a", "ca-central-1b", "ca-central-1d"]
    egress_per_zone = true
  }

  assert {
    condition     = aws_subnet.database["ca-central-1d"].cidr_block == "10.1.23.0/24"
    error_message = "The third database subnet is 10.1.23.0/24."
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 3
    error_message = "Each zone has a NAT gateway of its own."
  }
}

run "nobody_reaches_the_database_but_proxy_and_operators" {
  command = plan

  assert {
    condition     = [for name, flow in local.flows : name if endswith(name, "_to_database")] == ["maintenance_to_database", "proxy_to_database"]
    error_message = "Somebody else may open connections to the database."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.flow : rule.cidr_ipv4 == null && rule.cidr_ipv6 == null])
    error_message = "Who comes in is a security group, never an address."
  }
}

run "data_stays_in_canada" {
  command = plan

  variables {
    zones = ["us-east-1a", "us-east-1b"]
  }

  expect_failures = [var.zones]
}
