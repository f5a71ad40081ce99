# PostgreSQL 15 and the proxy in front of it. Functions sign in to the proxy, and the proxy to the database, by IAM:
# there is no password but the administrator's, which RDS keeps to itself.

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

resource "aws_db_subnet_group" "this" {
  name       = var.context.name
  subnet_ids = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name_prefix = "${var.context.name}-postgres15-"
  family      = "postgres15"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  dynamic "parameter" {
    for_each = {
      "log_min_duration_statement" = "1000"
      # Values and keys of rows are health data: neither parameters nor DETAIL lines may reach a log.
      "log_parameter_max_length"          = "0"
      "log_parameter_max_length_on_error" = "0"
      "log_error_verbosity"               = "terse"
      "log_connections"                   = "1"
      "log_disconnections"                = "1"
      "log_lock_waits"                    = "1"
      # Not even schema changes: a new password is one.
      "log_statement" = "none"
      # A phone's transaction that never ended must not hold its agency's counter.
      "idle_in_transaction_session_timeout" = "60000"
    }

    content {
      name  = parameter.key
      value = parameter.value
    }
  }

  parameter {
    name         = "shared_preload_libraries"
    value        = "pg_stat_statements"
    apply_method = "pending-reboot"
  }

  lifecycle {
    create_before_destroy = true
  }
}

module "monitoring_role" {
  source = "../service_role"

  name             = "${var.context.global_name}-rds-monitoring"
  service          = "monitoring.rds.amazonaws.com"
  own_account_only = true
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = module.monitoring_role.role.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}

# Ours, before RDS makes them: with a key and an end.
resource "aws_cloudwatch_log_group" "database" {
  for_each = toset(["instance/${var.context.name}/postgresql", "instance/${var.context.name}/upgrade", "proxy/${var.context.name}"])

  name              = "/aws/rds/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.logs_key_arn
}

resource "aws_db_instance" "primary" {
  # checkov:skip=CKV_AWS_293:Production protects itself against deletion; staging may be made anew.
  identifier     = var.context.name
  engine         = "postgres"
  engine_version = "15"
  instance_class = var.size.instance_class
  db_name        = "berthcare"

  allocated_storage     = var.size.storage_gb
  max_allocated_storage = var.size.storage_limit_gb
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = var.data_key_arn

  # RDS makes, keeps and rotates the administrator's password by itself.
  username                      = "berthcare_admin"
  manage_master_user_password   = true
  master_user_secret_kms_key_id = var.secrets_key_arn

  multi_az               = true
  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [var.database_security_group_id]
  publicly_accessible    = false
  port                   = 5432
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  parameter_group_name        = aws_db_parameter_group.this.name
  auto_minor_version_upgrade  = true
  allow_major_version_upgrade = false
  maintenance_window          = "sun:07:00-sun:08:00"

  backup_retention_period   = var.size.backup_days
  backup_window             = "05:00-06:00"
  copy_tags_to_snapshot     = true
  delete_automated_backups  = false
  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = false
  final_snapshot_identifier = "${var.context.name}-final"

  iam_database_authentication_enabled   = true
  enabled_cloudwatch_logs_exports       = ["postgresql", "upgrade"]
  performance_insights_enabled          = true
  performance_insights_kms_key_id       = var.data_key_arn
  performance_insights_retention_period = 7
  monitoring_interval                   = 60
  monitoring_role_arn                   = module.monitoring_role.role.arn

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [aws_cloudwatch_log_group.database]
}
