# The border: what template.yaml, the delivery, terraform/edge and the runbooks read.

locals {
  published = {
    "access/cloudformation-role-arn"      = module.release.cloudformation_role_arn
    "backup/role-arn"                     = module.backup.role_arn
    "database/name"                       = module.database.name
    "database/proxy-endpoint"             = module.database.proxy.endpoint
    "edge/origin-domain"                  = module.origin.target
    "edge/domain-name"                    = module.origin.domain_name
    "edge/public-url"                     = "https://${var.domain_name}"
    "ephemeral/table-name"                = module.ephemeral.table.name
    "functions/api-logs-arn"              = module.functions.api_logs_arn
    "functions/dead-letters-arn"          = module.functions.dead_letters_arn
    "functions/role-prefix"               = module.functions.role_prefix
    "monitoring/topic-arn"                = module.monitoring.topic_arn
    "network/functions-security-group-id" = module.network.security_group_ids.functions
    "realtime/api-id"                     = module.realtime.api_id
    "realtime/connections-url"            = module.realtime.connections_url
    "realtime/target"                     = module.realtime.target
    "realtime/url"                        = "wss://realtime.${var.domain_name}/"
    "storage/anchors-bucket"              = module.storage.buckets.anchors.name
    "storage/documents-bucket"            = module.storage.buckets.documents.name
    "storage/exports-bucket"              = module.storage.buckets.exports.name
    "storage/photos-bucket"               = module.storage.buckets.photos.name
    "storage/releases-bucket"             = module.storage.buckets.releases.name
  }

  lists = {
    # A page of the API's own is the least that a browser may ask from, where there is no portal.
    "edge/portal-origins"        = length(var.portal_origins) > 0 ? var.portal_origins : ["https://${var.domain_name}"]
    "network/private-subnet-ids" = module.network.subnet_ids.private
  }
}

resource "aws_ssm_parameter" "published" {
  # checkov:skip=CKV2_AWS_34:Names and ARNs, none of them secret.
  # checkov:skip=CKV_AWS_337:Names and ARNs, none of them secret.
  for_each = local.published

  name  = "/berthcare/${var.environment}/${each.key}"
  type  = "String"
  value = each.value
}

resource "aws_ssm_parameter" "lists" {
  # checkov:skip=CKV2_AWS_34:Ids and addresses, none of them secret.
  # checkov:skip=CKV_AWS_337:Ids and addresses, none of them secret.
  for_each = local.lists

  name  = "/berthcare/${var.environment}/${each.key}"
  type  = "StringList"
  value = join(",", each.value)
}

# The one secret: terraform/edge puts it into CloudFront's configuration.
resource "aws_ssm_parameter" "origin_secret" {
  name   = "/berthcare/${var.environment}/edge/origin-secret"
  type   = "SecureString"
  key_id = module.secrets.key_arns.secrets
  value  = module.secrets.origin_secret_sent
}
