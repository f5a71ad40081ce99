environment = "staging"

cidr            = "10.0.0.0/16"
zones           = ["a", "b"]
egress_per_zone = false

database = {
  instance_class   = "db.t4g.medium"
  storage_gb       = 100
  storage_limit_gb = 500
  backup_days      = 7
}
deletion_protection = false
anchor_lock_days    = 30

requests_per_five_minutes = 2000

concurrency = {
  alerts = 4, auth = 8, clients = 8, exports = 2, health = 3, jobs = 5, migrate = 1, photos = 5, privacy = 2, realtime = 4, rollout = 9, sync = 10, urgent = 3, visits = 10, webhooks = 4
}

backup     = { schedule = "cron(0 8 * * ? *)", hours = 26, keep_days = 35 }
budget_usd = 220
