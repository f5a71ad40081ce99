# In the other Canadian region: the vault that takes AWS Backup's copies, and RDS's automated backups, by which the
# database goes back to a minute there, too. Names end in `-copies`, beside what that region has when it takes over.

module "key" {
  source = "../key"

  name        = "${var.name}-copies"
  description = "Backups from the other region"
}

resource "aws_backup_vault" "this" {
  name        = "${var.name}-copies"
  kms_key_arn = module.key.arn
}

# Nobody shortens a copy's life, whoever stole which key. Without `changeable_for_days` an administrator can still
# remove the lock (governance mode); with it nobody can, AWS included, once those days are over (compliance mode).
resource "aws_backup_vault_lock_configuration" "this" {
  backup_vault_name   = aws_backup_vault.this.name
  min_retention_days  = var.keep_days
  max_retention_days  = 365
  changeable_for_days = var.vault_lock_after_days
}

resource "aws_db_instance_automated_backups_replication" "database" {
  source_db_instance_arn = var.database_arn
  kms_key_id             = module.key.arn
  retention_period       = var.database_backup_days
}
