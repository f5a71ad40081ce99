# One environment in one region: what keeps state or outlives a release. `environments/{environment}.tfvars` holds what
# we decided, `account.tfvars` what belongs to the account; `region` moves all of it.

locals {
  name = "berthcare-${var.environment}"
  # For what is named once in all regions together, such as roles.
  global_name = "${local.name}-${var.region}"
  tags        = { Project = "BerthCare", Environment = var.environment, ManagedBy = "terraform/region" }
}

module "secrets" {
  source = "../modules/secrets"

  environment   = var.environment
  name          = local.name
  global_name   = local.global_name
  readers       = local.readers
  origin_secret = var.origin_secret
}

module "network" {
  source = "../modules/network"

  environment     = var.environment
  name            = local.name
  global_name     = local.global_name
  cidr            = var.cidr
  zones           = [for zone in var.zones : "${var.region}${zone}"]
  egress_per_zone = var.egress_per_zone
  logs_key_arn    = module.secrets.logs_key_arn
}

module "database" {
  source = "../modules/database"

  name                       = local.name
  global_name                = local.global_name
  instance_class             = var.database.instance_class
  storage_gb                 = var.database.storage_gb
  storage_limit_gb           = var.database.storage_limit_gb
  backup_days                = var.database.backup_days
  deletion_protection        = var.deletion_protection
  users                      = local.database_users
  subnet_ids                 = module.network.database_subnet_ids
  database_security_group_id = module.network.database_security_group_id
  proxy_security_group_id    = module.network.proxy_security_group_id
  data_key_arn               = module.secrets.data_key_arn
  secrets_key_arn            = module.secrets.secrets_key_arn
  logs_key_arn               = module.secrets.logs_key_arn
}

module "ephemeral" {
  source = "../modules/ephemeral"

  name                = local.name
  data_key_arn        = module.secrets.data_key_arn
  deletion_protection = var.deletion_protection
}

module "storage" {
  source = "../modules/storage"

  environment      = var.environment
  region           = var.region
  trail_name       = local.global_name
  data_key_arn     = module.secrets.data_key_arn
  anchor_lock_days = var.anchor_lock_days
  portal_origins   = var.portal_origins
}

module "functions" {
  source = "../modules/functions"

  environment          = var.environment
  name                 = local.name
  global_name          = local.global_name
  functions            = local.functions
  secret_arns          = module.secrets.arns
  table_arn            = module.ephemeral.table_arn
  proxy_resource_id    = module.database.proxy_resource_id
  security_group_id    = module.network.functions_security_group_id
  subnet_ids           = module.network.private_subnet_ids
  data_key_arn         = module.secrets.data_key_arn
  secrets_key_arn      = module.secrets.secrets_key_arn
  logs_key_arn         = module.secrets.logs_key_arn
  dead_letters_key_arn = module.secrets.data_key_arn
  bucket_arns = {
    anchors   = module.storage.anchors.arn
    documents = module.storage.documents.arn
    photos    = module.storage.photos.arn
  }
}

module "release" {
  source = "../modules/release"

  environment         = var.environment
  name                = local.name
  global_name         = local.global_name
  releases_bucket_arn = module.storage.releases.arn
  dead_letters_arn    = module.functions.dead_letters_arn
  data_key_arn        = module.secrets.data_key_arn
}

module "origin" {
  source = "../modules/origin"

  domain_name = var.domain_name
}

module "monitoring" {
  source = "../modules/monitoring"

  environment          = var.environment
  name                 = local.name
  global_name          = local.global_name
  concurrency          = var.concurrency
  database_instance_id = module.database.instance_id
  database_proxy_name  = module.database.proxy_name
  ephemeral_table      = module.ephemeral.table_name
  ephemeral_operations = toset(flatten([for function in local.functions : function.table]))
  access_logs_bucket   = module.storage.access_logs.name
  anchors_bucket_arn   = module.storage.anchors.arn
  backup_vault         = module.backup.vault_name
  backup_hours         = var.backup.hours
  logs_key_arn         = module.secrets.logs_key_arn
  emails               = var.alarm_emails
  pager_endpoint       = var.pager_endpoint
}

module "backup" {
  source = "../modules/backup"

  name                  = local.name
  global_name           = local.global_name
  schedule              = var.backup.schedule
  keep_days             = var.backup.keep_days
  bucket_arns           = [module.storage.photos.arn, module.storage.documents.arn]
  documents_bucket_arn  = module.storage.documents.arn
  database_arn          = module.database.instance_arn
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
  database_arn          = module.database.instance_arn
  database_backup_days  = var.database.backup_days
}
