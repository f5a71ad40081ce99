# CloudFront and its firewall in front of the API, and the name by which the world knows it. `serving_region` says which
# region is behind it: a region is lost or found again by one change here.
#
# Both sides carry one name. CloudFront answers at it; it passes the Host header on, by which API Gateway finds its
# custom domain.

locals {
  name = "berthcare-${var.environment}"
  tags = { Project = "BerthCare", Environment = var.environment, ManagedBy = "terraform/edge" }
}

# What terraform/region published where it serves.
data "aws_ssm_parameter" "origin" {
  for_each = toset(["edge/origin-domain", "edge/origin-secret", "realtime/target"])
  provider = aws.serving

  name            = "/berthcare/${var.environment}/${each.key}"
  with_decryption = true
}

# terraform/global's.
data "aws_acm_certificate" "edge" {
  domain      = var.domain_name
  statuses    = ["ISSUED"]
  most_recent = true
}

data "aws_cloudfront_cache_policy" "disabled" {
  name = "Managed-CachingDisabled"
}

# All that the caller sent, and who the caller is: behind CloudFront the source address is the edge's.
resource "aws_cloudfront_origin_request_policy" "caller" {
  name    = "${local.name}-caller"
  comment = "Everything, with the caller's address"

  headers_config {
    header_behavior = "allViewerAndWhitelistCloudFront"

    headers {
      items = ["CloudFront-Viewer-Address"]
    }
  }

  cookies_config {
    cookie_behavior = "none"
  }

  query_strings_config {
    query_string_behavior = "all"
  }
}

resource "aws_cloudfront_response_headers_policy" "security" {
  name = "${local.name}-security"

  security_headers_config {
    strict_transport_security {
      access_control_max_age_sec = 31536000
      include_subdomains         = true
      preload                    = true
      override                   = true
    }

    content_type_options {
      override = true
    }

    frame_options {
      frame_option = "DENY"
      override     = true
    }

    referrer_policy {
      referrer_policy = "no-referrer"
      override        = true
    }
  }
}

resource "aws_cloudfront_distribution" "api" {
  # checkov:skip=CKV_AWS_86:CloudFront's logs would hold addresses and search terms outside Canada; API Gateway logs in
  # ca-central-1.
  # checkov:skip=CKV_AWS_310:There is one origin; docs/runbooks/region-loss.md says how it moves.
  # checkov:skip=CKV_AWS_305:An API has no root object.
  # checkov:skip=CKV2_AWS_47:The known-bad-input rules, with those for Log4j, are in the firewall; see firewall.tf.
  enabled         = true
  comment         = local.name
  aliases         = [var.domain_name]
  http_version    = "http2and3"
  is_ipv6_enabled = true
  price_class     = "PriceClass_100"
  web_acl_id      = aws_wafv2_web_acl.api.arn

  origin {
    origin_id   = "api"
    domain_name = nonsensitive(data.aws_ssm_parameter.origin["edge/origin-domain"].value)

    custom_header {
      name  = "x-origin-secret"
      value = data.aws_ssm_parameter.origin["edge/origin-secret"].value
    }

    custom_origin_config {
      http_port                = 80
      https_port               = 443
      origin_protocol_policy   = "https-only"
      origin_ssl_protocols     = ["TLSv1.2"]
      origin_read_timeout      = 30
      origin_keepalive_timeout = 60
    }
  }

  default_cache_behavior {
    target_origin_id           = "api"
    viewer_protocol_policy     = "https-only"
    allowed_methods            = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = true
    cache_policy_id            = data.aws_cloudfront_cache_policy.disabled.id
    origin_request_policy_id   = aws_cloudfront_origin_request_policy.caller.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.security.id
  }

  # Caregivers and families are in Canada; Twilio calls from the United States.
  restrictions {
    geo_restriction {
      restriction_type = "whitelist"
      locations        = ["CA", "US"]
    }
  }

  viewer_certificate {
    acm_certificate_arn      = data.aws_acm_certificate.edge.arn
    minimum_protocol_version = "TLSv1.2_2021"
    ssl_support_method       = "sni-only"
  }
}

resource "aws_route53_record" "api" {
  for_each = toset(["A", "AAAA"])

  zone_id = var.hosted_zone_id
  name    = var.domain_name
  type    = each.key

  alias {
    name                   = aws_cloudfront_distribution.api.domain_name
    zone_id                = aws_cloudfront_distribution.api.hosted_zone_id
    evaluate_target_health = false
  }
}

# Where WebSockets are opened: API Gateway itself, in the region that serves.
resource "aws_route53_record" "realtime" {
  zone_id = var.hosted_zone_id
  name    = "realtime.${var.domain_name}"
  type    = "CNAME"
  ttl     = 300
  records = [nonsensitive(data.aws_ssm_parameter.origin["realtime/target"].value)]
}
