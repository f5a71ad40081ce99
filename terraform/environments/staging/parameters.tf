# The border: what template.yaml and the delivery read. Nothing in it is secret.

locals {
  published = {
    "access/cloudformation-role-arn"      = module.access.cloudformation_role_arn
    "access/delivery-boundary-arn"        = module.access.delivery_boundary_arn
    "access/function-boundary-arn"        = module.access.function_boundary_arn
    "access/function-vpc-policy-arn"      = module.access.function_vpc_policy_arn
    "database/name"                       = module.database.name
    "database/proxy-endpoint"             = module.database.proxy_endpoint
    "database/proxy-resource-id"          = module.database.proxy_resource_id
    "edge/domain-name"                    = module.edge.domain_name
    "edge/public-url"                     = module.edge.public_url
    "ephemeral/table-arn"                 = module.ephemeral.table_arn
    "ephemeral/table-name"                = module.ephemeral.table_name
    "keys/data-arn"                       = module.secrets.data_key_arn
    "keys/logs-arn"                       = module.secrets.logs_key_arn
    "keys/secrets-arn"                    = module.secrets.secrets_key_arn
    "monitoring/topic-arn"                = module.monitoring.topic_arn
    "network/functions-security-group-id" = module.network.functions_security_group_id
    "secrets/jwt-public-keys-arn"         = module.secrets.arns["jwt-public-keys"]
    "secrets/jwt-signing-key-arn"         = module.secrets.arns["jwt-signing-key"]
    "secrets/origin-arn"                  = module.secrets.arns["origin"]
    "secrets/sentry-arn"                  = module.secrets.arns["sentry"]
    "secrets/twilio-account-arn"          = module.secrets.arns["twilio/account"]
    "secrets/twilio-phone-numbers-arn"    = module.secrets.arns["twilio/phone-numbers"]
    "secrets/twilio-webhooks-arn"         = module.secrets.arns["twilio/webhooks"]
    "storage/anchors-bucket"              = module.storage.anchors.name
    "storage/documents-bucket"            = module.storage.documents.name
    "storage/photos-bucket"               = module.storage.photos.name
    "storage/releases-bucket"             = module.storage.releases.name
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

# A list of its own type: CloudFormation can't split what it reads by a dynamic reference.
resource "aws_ssm_parameter" "private_subnet_ids" {
  # checkov:skip=CKV2_AWS_34:Ids, none of them secret.
  # checkov:skip=CKV_AWS_337:Ids, none of them secret.
  name  = "/berthcare/${var.environment}/network/private-subnet-ids"
  type  = "StringList"
  value = join(",", module.network.private_subnet_ids)
}
