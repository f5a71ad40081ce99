output "buckets" {
  description = "The buckets by what they hold, each with its name and ARN."
  value = {
    for holds, bucket in {
      photos      = module.photos
      documents   = module.documents
      exports     = module.exports
      anchors     = module.anchors
      releases    = module.releases
      access_logs = module.access_logs
    } : holds => { name = bucket.name, arn = bucket.arn }
  }
}
