# CloudFront, its certificate and its firewall in front of the API, and the API's own domain behind them.
#
# Both carry one name. CloudFront answers at it; it passes the Host header on, by which API Gateway finds its custom
# domain; the API's own address is switched off. template.yaml maps its API to the domain.

resource "aws_acm_certificate" "edge" {
  provider = aws.us_east_1

  domain_name       = var.domain_name
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_acm_certificate" "origin" {
  domain_name       = var.domain_name
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

# One record proves the name to both regions.
resource "aws_route53_record" "validation" {
  zone_id         = var.hosted_zone_id
  name            = one(aws_acm_certificate.edge.domain_validation_options).resource_record_name
  type            = one(aws_acm_certificate.edge.domain_validation_options).resource_record_type
  records         = [one(aws_acm_certificate.edge.domain_validation_options).resource_record_value]
  ttl             = 300
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "edge" {
  provider = aws.us_east_1

  certificate_arn         = aws_acm_certificate.edge.arn
  validation_record_fqdns = [aws_route53_record.validation.fqdn]
}

resource "aws_acm_certificate_validation" "origin" {
  certificate_arn         = aws_acm_certificate.origin.arn
  validation_record_fqdns = [aws_route53_record.validation.fqdn]
}

resource "aws_apigatewayv2_domain_name" "origin" {
  domain_name = var.domain_name

  domain_name_configuration {
    certificate_arn = aws_acm_certificate_validation.origin.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

data "aws_cloudfront_cache_policy" "disabled" {
  name = "Managed-CachingDisabled"
}

# All that the caller sent, and who the caller is: behind CloudFront the source address is the edge's.
resource "aws_cloudfront_origin_request_policy" "caller" {
  name    = "${var.name}-caller"
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
  name = "${var.name}-security"

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
  # checkov:skip=CKV_AWS_86:CloudFront's logs would hold addresses and search terms outside Canada; API Gateway logs in ca-central-1.
  # checkov:skip=CKV_AWS_310:There is one origin; docs/runbooks/region-loss.md says how it moves.
  # checkov:skip=CKV_AWS_305:An API has no root object.
  # checkov:skip=CKV2_AWS_47:The known-bad-input rules, with those for Log4j, are in the firewall; see firewall.tf.
  enabled         = true
  comment         = var.name
  aliases         = [var.domain_name]
  http_version    = "http2and3"
  is_ipv6_enabled = true
  price_class     = "PriceClass_100"
  web_acl_id      = aws_wafv2_web_acl.api.arn

  origin {
    origin_id   = "api"
    domain_name = aws_apigatewayv2_domain_name.origin.domain_name_configuration[0].target_domain_name

    custom_header {
      name  = "x-origin-secret"
      value = var.origin_secret
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
    acm_certificate_arn      = aws_acm_certificate_validation.edge.certificate_arn
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
