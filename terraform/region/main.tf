# One environment in one region: what keeps state or outlives a release. `environments/{environment}.tfvars` holds what
# we decided, `account.tfvars` what belongs to the account; `region` moves all of it.

locals {
  name = "berthcare-${var.environment}"
  # For what is named once in all regions together, such as roles.
  global_name = "${local.name}-${var.region}"
  context     = { environment = var.environment, name = local.name, global_name = local.global_name }
  tags        = { Project = "BerthCare", Environment = var.environment, ManagedBy = "terraform/region" }
}

module "secrets" {
  source = "../modules/secrets"

  context       = local.context
  readers       = local.readers
  origin_secret = var.origin_secret
}

module "network" {
  source = "../modules/network"

  context         = local.context
  cidr            = var.cidr
  zones           = [for zone in var.zones : "${var.region}${zone}"]
  egress_per_zone = var.egress_per_zone
  logs_key_arn    = module.secrets.key_arns.logs
}

module "database" {
  source = "../modules/database"

  context                    = local.context
  size                       = var.database
  deletion_protection        = var.deletion_protection
  users                      = local.database_users
  subnet_ids                 = module.network.subnet_ids.database
  database_security_group_id = module.network.security_group_ids.database
  proxy_security_group_id    = module.network.security_group_ids.proxy
  data_key_arn               = module.secrets.key_arns.data
  secrets_key_arn            = module.secrets.key_arns.secrets
  logs_key_arn               = module.secrets.key_arns.logs
}

module "ephemeral" {
  source = "../modules/ephemeral"

  name                = local.name
  data_key_arn        = module.secrets.key_arns.data
  deletion_protection = var.deletion_protection
}

module "storage" {
  source = "../modules/storage"

  environment      = var.environment
  region           = var.region
  trail_name       = local.global_name
  data_key_arn     = module.secrets.key_arns.data
  anchor_lock_days = var.anchor_lock_days
  portal_origins   = var.portal_origins
}

module "functions" {
  source = "../modules/functions"

  context              = local.context
  functions            = local.functions
  secret_arns          = module.secrets.arns
  table_arn            = module.ephemeral.table.arn
  proxy_resource_id    = module.database.proxy.resource_id
  security_group_id    = module.network.security_group_ids.functions
  subnet_ids           = module.network.subnet_ids.private
  data_key_arn         = module.secrets.key_arns.data
  secrets_key_arn      = module.secrets.key_arns.secrets
  logs_key_arn         = module.secrets.key_arns.logs
  dead_letters_key_arn = module.secrets.key_arns.data
  realtime_api_arn     = module.realtime.api_arn
  bucket_arns = {
    anchors   = module.storage.buckets.anchors.arn
    documents = module.storage.buckets.documents.arn
    exports   = module.storage.buckets.exports.arn
    photos    = module.storage.buckets.photos.arn
  }
}

module "release" {
  source = "../modules/release"

  context             = local.context
  releases_bucket_arn = module.storage.buckets.releases.arn
  dead_letters_arn    = module.functions.dead_letters_arn
  data_key_arn        = module.secrets.key_arns.data
}

module "origin" {
  source = "../modules/origin"

  domain_name = var.domain_name
}

module "realtime" {
  source = "../modules/realtime"

  context      = local.context
  domain_name  = "realtime.${var.domain_name}"
  logs_key_arn = module.secrets.key_arns.logs
}

module "monitoring" {
  source = "../modules/monitoring"

  context              = local.context
  concurrency          = var.concurrency
  database_instance_id = module.database.instance.id
  database_proxy_name  = module.database.proxy.name
  ephemeral_table      = module.ephemeral.table.name
  ephemeral_operations = toset(flatten([for function in local.functions : function.table]))
  access_logs_bucket   = module.storage.buckets.access_logs.name
  anchors_bucket_arn   = module.storage.buckets.anchors.arn
  backup_vault         = module.backup.vault_name
  backup_hours         = var.backup.hours
  logs_key_arn         = module.secrets.key_arns.logs
  emails               = var.alarm_emails
  pager_endpoint       = var.pager_endpoint
}

module "backup" {
  source = "../modules/backup"

  context               = local.context
  schedule              = var.backup.schedule
  keep_days             = var.backup.keep_days
  bucket_arns           = [module.storage.buckets.photos.arn, module.storage.buckets.documents.arn]
  documents_bucket_arn  = module.storage.buckets.documents.arn
  database_arn          = module.database.instance.arn
  database_subnet_group = module.database.subnet_group
  copies_vault          = one(module.copies[*].vault_arn)
}

# Where this region is the one that recovers, there is nowhere to copy to until the other one is back.
module "copies" {
  source    = "../modules/copies"
  count     = var.copy_backups ? 1 : 0
  providers = { aws = aws.copies }

  name                  = local.name
  keep_days             = var.backup.keep_days
  vault_lock_after_days = var.backup.lock_after_days
  database_arn          = module.database.instance.arn
  database_backup_days  = var.database.backup_days
}
