# The firewall. It keeps no log: a log would hold addresses and search terms outside Canada.

locals {
  # Rules of AWS's sets that read bodies. A visit's note may well look like an attack, and a sync push is larger than
  # the 8 KB that the common set allows, so these only count, and leave a label.
  body_rules = {
    AWSManagedRulesCommonRuleSet = [
      "SizeRestrictions_BODY", "CrossSiteScripting_BODY", "GenericLFI_BODY", "GenericRFI_BODY", "EC2MetaDataSSRF_BODY",
    ]
    AWSManagedRulesSQLiRuleSet           = ["SQLi_BODY", "SQLiExtendedPatterns_BODY"]
    AWSManagedRulesKnownBadInputsRuleSet = ["JavaDeserializationRCE_BODY", "Log4JRCE_BODY", "ReactJSRCE_BODY"]
  }

  # In the order in which the firewall asks them.
  managed_sets = ["AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesCommonRuleSet", "AWSManagedRulesSQLiRuleSet"]

  # How each set begins its labels.
  label_names = {
    AWSManagedRulesCommonRuleSet         = "core-rule-set"
    AWSManagedRulesSQLiRuleSet           = "sql-database"
    AWSManagedRulesKnownBadInputsRuleSet = "known-bad-inputs"
  }

  # The labels of those rules: they block where people write no free text.
  body_labels = flatten([
    for set, rules in local.body_rules : [
      for rule in rules : "awswaf:managed:aws:${local.label_names[set]}:${replace(rule, "_BODY", "_Body")}"
    ]
  ])

  # Paths on which notes, care plans, messages and whole days of work travel.
  free_text_paths = "^/v1/(sync|visits|clients|alerts|photos|privacy|conflicts|refusals|replies|sms)(/|$)"

  # What goes on during maintenance: calls for help, what Twilio tells and asks, who stays signed in, and who looks.
  maintenance_paths = "^/v1/(alerts|replies|voice|sms|health|auth/refresh)(/|$)"

  # However a path is written, the rules see it as API Gateway routes it.
  same_path = ["URL_DECODE", "NORMALIZE_PATH", "LOWERCASE"]
}

resource "aws_wafv2_web_acl" "api" {
  # checkov:skip=CKV2_AWS_31:See the head of this file.
  name  = local.name
  scope = "CLOUDFRONT"

  default_action {
    allow {}
  }

  custom_response_body {
    key          = "maintenance"
    content_type = "APPLICATION_JSON"
    content = jsonencode({
      type   = "about:blank"
      title  = "Under maintenance"
      status = 503
      detail = "Try again in a few minutes. Calls for help go on working."
    })
  }

  dynamic "rule" {
    for_each = var.maintenance ? ["maintenance"] : []

    content {
      name     = rule.value
      priority = 1

      action {
        block {
          custom_response {
            response_code            = 503
            custom_response_body_key = "maintenance"

            response_header {
              name  = "retry-after"
              value = "120"
            }

            response_header {
              name  = "cache-control"
              value = "no-store"
            }
          }
        }
      }

      statement {
        not_statement {
          statement {
            regex_match_statement {
              regex_string = local.maintenance_paths

              field_to_match {
                uri_path {}
              }

              dynamic "text_transformation" {
                for_each = local.same_path

                content {
                  priority = text_transformation.key
                  type     = text_transformation.value
                }
              }
            }
          }
        }
      }

      visibility_config {
        metric_name                = rule.value
        cloudwatch_metrics_enabled = true
        sampled_requests_enabled   = false
      }
    }
  }

  rule {
    name     = "rate-per-address"
    priority = 0

    action {
      block {
        custom_response {
          response_code = 429

          response_header {
            name  = "retry-after"
            value = "300"
          }
        }
      }
    }

    statement {
      rate_based_statement {
        limit                 = var.requests_per_five_minutes
        evaluation_window_sec = 300
        aggregate_key_type    = "IP"
      }
    }

    visibility_config {
      metric_name                = "rate-per-address"
      cloudwatch_metrics_enabled = true
      sampled_requests_enabled   = false
    }
  }

  dynamic "rule" {
    for_each = local.managed_sets

    content {
      name     = rule.value
      priority = 10 + rule.key

      override_action {
        none {}
      }

      statement {
        managed_rule_group_statement {
          vendor_name = "AWS"
          name        = rule.value

          dynamic "rule_action_override" {
            for_each = local.body_rules[rule.value]

            content {
              name = rule_action_override.value

              action_to_use {
                count {}
              }
            }
          }
        }
      }

      visibility_config {
        metric_name                = rule.value
        cloudwatch_metrics_enabled = true
        sampled_requests_enabled   = false
      }
    }
  }

  rule {
    name     = "bodies-without-free-text"
    priority = 20

    action {
      block {}
    }

    statement {
      and_statement {
        statement {
          or_statement {
            dynamic "statement" {
              for_each = local.body_labels

              content {
                label_match_statement {
                  scope = "LABEL"
                  key   = statement.value
                }
              }
            }
          }
        }

        statement {
          not_statement {
            statement {
              regex_match_statement {
                regex_string = local.free_text_paths

                field_to_match {
                  uri_path {}
                }

                dynamic "text_transformation" {
                  for_each = local.same_path

                  content {
                    priority = text_transformation.key
                    type     = text_transformation.value
                  }
                }
              }
            }
          }
        }
      }
    }

    visibility_config {
      metric_name                = "bodies-without-free-text"
      cloudwatch_metrics_enabled = true
      sampled_requests_enabled   = false
    }
  }

  visibility_config {
    metric_name                = local.name
    cloudwatch_metrics_enabled = true
    sampled_requests_enabled   = false
  }
}
