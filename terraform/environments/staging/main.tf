# One environment: what keeps state or outlives a release. Production's files are links to staging's, so that they differ
# by variables only: sizes.auto.tfvars holds what we decided, terraform.tfvars what belongs to the account.

locals {
  name = "berthcare-${var.environment}"
  tags = { Project = "BerthCare", Environment = var.environment, ManagedBy = "terraform" }

  proxy_role_suffix = "proxy"
  proxy_role_name   = "${local.name}-${local.proxy_role_suffix}"
}

module "secrets" {
  source = "../../modules/secrets"

  environment     = var.environment
  name            = local.name
  proxy_role_name = local.proxy_role_name
  origin_secret   = var.origin_secret
}

module "network" {
  source = "../../modules/network"

  environment     = var.environment
  name            = local.name
  cidr            = var.cidr
  zones           = var.zones
  egress_per_zone = var.egress_per_zone
  logs_key_arn    = module.secrets.logs_key_arn
}

module "database" {
  source = "../../modules/database"

  name                          = local.name
  instance_class                = var.database.instance_class
  storage_gb                    = var.database.storage_gb
  storage_limit_gb              = var.database.storage_limit_gb
  backup_days                   = var.database.backup_days
  replicas                      = var.database.replicas
  deletion_protection           = var.deletion_protection
  proxy_role_name               = local.proxy_role_name
  password_secret_arns          = module.secrets.password_arns
  subnet_ids                    = module.network.database_subnet_ids
  rotation_subnet_ids           = module.network.private_subnet_ids
  database_security_group_id    = module.network.database_security_group_id
  proxy_security_group_id       = module.network.proxy_security_group_id
  maintenance_security_group_id = module.network.maintenance_security_group_id
  data_key_arn                  = module.secrets.data_key_arn
  secrets_key_arn               = module.secrets.secrets_key_arn
  logs_key_arn                  = module.secrets.logs_key_arn
}

module "ephemeral" {
  source = "../../modules/ephemeral"

  name                = local.name
  data_key_arn        = module.secrets.data_key_arn
  deletion_protection = var.deletion_protection
}

module "storage" {
  source = "../../modules/storage"

  environment      = var.environment
  data_key_arn     = module.secrets.data_key_arn
  anchor_lock_days = var.anchor_lock_days
  portal_origins   = var.portal_origins
}

module "edge" {
  source    = "../../modules/edge"
  providers = { aws = aws, aws.us_east_1 = aws.us_east_1 }

  name                      = local.name
  domain_name               = var.domain_name
  hosted_zone_id            = var.hosted_zone_id
  requests_per_five_minutes = var.requests_per_five_minutes
  origin_secret             = module.secrets.origin_secret_sent
}

module "access" {
  source = "../../modules/access"

  environment                 = var.environment
  name                        = local.name
  github_repository           = var.github_repository
  proxy_role_suffix           = local.proxy_role_suffix
  releases_bucket_arn         = module.storage.releases.arn
  functions_security_group_id = module.network.functions_security_group_id
  private_subnet_ids          = module.network.private_subnet_ids
  data_key_arn                = module.secrets.data_key_arn
  secrets_key_arn             = module.secrets.secrets_key_arn
  logs_key_arn                = module.secrets.logs_key_arn
}

module "monitoring" {
  source    = "../../modules/monitoring"
  providers = { aws = aws, aws.us_east_1 = aws.us_east_1 }

  environment          = var.environment
  name                 = local.name
  functions            = var.functions
  function_concurrency = var.function_concurrency
  database_instance_id = module.database.instance_id
  database_proxy_name  = module.database.proxy_name
  ephemeral_table      = module.ephemeral.table_name
  distribution_id      = module.edge.distribution_id
  access_logs_bucket   = module.storage.access_logs.name
  logs_key_arn         = module.secrets.logs_key_arn
  emails               = var.alarm_emails
}

module "backup" {
  source    = "../../modules/backup"
  providers = { aws = aws, aws.recovery = aws.recovery }

  name          = local.name
  schedule      = var.backup.schedule
  keep_days     = var.backup.keep_days
  resource_arns = [module.database.instance_arn, module.storage.photos.arn, module.storage.documents.arn]
  topic_arn     = module.monitoring.topic_arn
}

module "budget" {
  source = "../../modules/budget"

  name      = local.name
  limit_usd = var.budget_usd
  topic_arn = module.monitoring.topic_arn
}
