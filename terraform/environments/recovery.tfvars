# Beside an environment's own file, where ca-west-1 takes over: docs/runbooks/region-loss.md.
region        = "ca-west-1"
copies_region = "ca-central-1"
copy_backups  = false
zones         = ["a", "b"]
