output "photos" {
  description = "The bucket of photos and signatures: name and ARN."
  value       = { name = module.photos.name, arn = module.photos.arn }
}

output "documents" {
  description = "The bucket of care plans and reports: name and ARN."
  value       = { name = module.documents.name, arn = module.documents.arn }
}

output "anchors" {
  description = "The bucket of the audit chain's anchors: name and ARN."
  value       = { name = module.anchors.name, arn = module.anchors.arn }
}

output "releases" {
  description = "The bucket from which releases are deployed: name and ARN."
  value       = { name = module.releases.name, arn = module.releases.arn }
}

output "access_logs" {
  description = "The bucket of access logs: name and ARN."
  value       = { name = module.access_logs.name, arn = module.access_logs.arn }
}
