environment = "staging"

cidr            = "10.0.0.0/16"
zones           = ["ca-central-1a", "ca-central-1b"]
egress_per_zone = false

database = {
  instance_class   = "db.t4g.medium"
  storage_gb       = 100
  storage_limit_gb = 500
  backup_days      = 7
  replicas         = 0
}
deletion_protection = false
anchor_lock_days    = 30

requests_per_five_minutes = 2000

functions            = ["alerts", "auth", "clients", "health", "jobs", "migrate", "photos", "sync", "visits", "webhooks"]
function_concurrency = 58

backup     = { schedule = "cron(0 8 * * ? *)", keep_days = 35 }
budget_usd = 220
