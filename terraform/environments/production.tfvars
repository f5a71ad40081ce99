environment = "production"

cidr            = "10.1.0.0/16"
zones           = ["a", "b", "d"]
egress_per_zone = true

database = {
  instance_class   = "db.r6g.large"
  storage_gb       = 500
  storage_limit_gb = 2000
  backup_days      = 30
}
deletion_protection = true
anchor_lock_days    = 2557

requests_per_five_minutes = 10000

concurrency = {
  alerts = 10, auth = 30, clients = 30, exports = 2, health = 4, jobs = 10, migrate = 1, photos = 15, privacy = 5, realtime = 15, rollout = 9, sync = 50, urgent = 5, visits = 40, webhooks = 15
}

# Null until restores have been tried for a month: see docs/runbooks/first-deployment.md.
backup     = { schedule = "cron(0 * * * ? *)", hours = 4, keep_days = 35, lock_after_days = null }
budget_usd = 1000
