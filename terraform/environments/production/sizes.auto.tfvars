environment = "production"

cidr            = "10.1.0.0/16"
zones           = ["ca-central-1a", "ca-central-1b", "ca-central-1d"]
egress_per_zone = true

database = {
  instance_class   = "db.r6g.large"
  storage_gb       = 500
  storage_limit_gb = 2000
  backup_days      = 30
  replicas         = 1
}
deletion_protection = true
anchor_lock_days    = 2557

requests_per_five_minutes = 10000

functions            = ["alerts", "auth", "clients", "health", "jobs", "migrate", "photos", "sync", "visits", "webhooks"]
function_concurrency = 205

backup     = { schedule = "cron(0 * * * ? *)", keep_days = 35 }
budget_usd = 1000
