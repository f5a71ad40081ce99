# Which requests the firewall stops, and what CloudFront lets through.

mock_provider "aws" {
  mock_data "aws_acm_certificate" {
    defaults = { arn = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  mock_resource "aws_wafv2_web_acl" {
    defaults = { arn = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/berthcare/00000000-0000-0000-0000-000000000000" }
  }

  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:us-east-1:123456789012:berthcare-staging-alerts" }
  }
}

mock_provider "aws" {
  alias = "serving"

  mock_data "aws_ssm_parameter" {
    defaults = { value = "d-0123456789.execute-api.ca-central-1.amazonaws.com" }
  }
}

variables {
  environment               = "staging"
  account_id                = "123456789012"
  domain_name               = "api.staging.berthcare.ca"
  hosted_zone_id            = "Z0123456789EXAMPLE"
  requests_per_five_minutes = 2000
  alarm_emails              = ["oncall@example.ca"]
}

run "bodies_with_notes_are_counted_and_let_through" {
  command = plan

  assert {
    condition     = alltrue([for path in ["/v1/sync", "/v1/visits/1/tasks/2", "/v1/clients", "/v1/alerts", "/v1/photos", "/v1/privacy/incidents", "/v1/sms/webhook"] : can(regex(local.free_text_paths, path))])
    error_message = "What carries notes is never refused for them."
  }

  assert {
    condition     = alltrue([for path in ["/v1/auth/login", "/v1/users/1", "/v1/synchronise", "/sync"] : !can(regex(local.free_text_paths, path))])
    error_message = "Bodies without free text are held to all rules."
  }

  assert {
    condition     = contains(local.body_labels, "awswaf:managed:aws:core-rule-set:SizeRestrictions_Body") && length(local.body_labels) == length(flatten(values(local.body_rules)))
    error_message = "What only counts leaves a label, by which other paths are refused."
  }

  assert {
    condition     = toset(keys(local.body_rules)) == toset(local.managed_sets)
    error_message = "Each set's body rules are known."
  }
}

run "the_edge" {
  command = plan

  assert {
    condition     = tolist(aws_cloudfront_distribution.api.restrictions[0].geo_restriction[0].locations) == tolist(["CA", "US"])
    error_message = "Canada and the United States only."
  }

  assert {
    condition     = aws_cloudfront_distribution.api.price_class == "PriceClass_100" && aws_cloudfront_distribution.api.http_version == "http2and3"
    error_message = "Price class 100, HTTP/2 and 3."
  }

  assert {
    condition     = startswith(aws_cloudfront_distribution.api.viewer_certificate[0].minimum_protocol_version, "TLSv1.2")
    error_message = "TLS 1.2 and newer."
  }

  assert {
    condition     = [for header in tolist(aws_cloudfront_distribution.api.origin)[0].custom_header : header.name] == ["x-origin-secret"]
    error_message = "The functions know CloudFront by its secret."
  }
}

run "maintenance_lets_calls_for_help_through" {
  command = plan

  variables {
    maintenance = true
  }

  assert {
    condition     = [for rule in aws_wafv2_web_acl.api.rule : rule.name if rule.priority == 1] == ["maintenance"]
    error_message = "During maintenance a rule answers before all others but the limit."
  }

  assert {
    condition     = alltrue([for path in ["/v1/alerts", "/v1/alerts/1/acknowledge", "/v1/voice/webhook", "/v1/sms/status", "/v1/auth/refresh", "/v1/health"] : can(regex(local.maintenance_paths, path))])
    error_message = "Alerts, Twilio and whoever is signed in go on."
  }

  assert {
    condition     = alltrue([for path in ["/v1/visits", "/v1/sync", "/v1/auth/login", "/v1/photos/1"] : !can(regex(local.maintenance_paths, path))])
    error_message = "Nobody else writes."
  }
}

run "each_rule_about_a_path_reads_it_decoded_and_normalised" {
  command = plan

  variables {
    maintenance = true
  }

  assert {
    condition     = local.same_path == ["URL_DECODE", "NORMALIZE_PATH", "LOWERCASE"]
    error_message = "Decoded before it is normalised: an encoded dot is a dot."
  }

  assert {
    condition = [
      for rule in aws_wafv2_web_acl.api.rule : [
        for step in rule.statement[0].not_statement[0].statement[0].regex_match_statement[0].text_transformation : step.type
      ] if rule.name == "maintenance"
    ] == [local.same_path]
    error_message = "Maintenance matches no path as it was sent."
  }

  assert {
    condition = [
      for rule in aws_wafv2_web_acl.api.rule : [
        for step in rule.statement[0].and_statement[0].statement[1].not_statement[0].statement[0].regex_match_statement[0].text_transformation : step.type
      ] if rule.name == "bodies-without-free-text"
    ] == [local.same_path]
    error_message = "Nor does the rule about bodies."
  }
}

run "no_maintenance_by_default" {
  command = plan

  assert {
    condition     = !contains([for rule in aws_wafv2_web_acl.api.rule : rule.name], "maintenance")
    error_message = "The API is open."
  }
}

run "burn_rates_of_three_nines" {
  command = plan

  assert {
    condition = { for name, alarm in aws_cloudwatch_metric_alarm.availability : name => [alarm.period, floor(alarm.threshold * 10 + 0.5)] } == {
      availability-1h = [3600, 986]
      availability-6h = [21600, 994]
    }
    error_message = "14 times what 99.9 % allows for an hour, 6 times for six."
  }
}
