output "instance_id" {
  description = "The primary's identifier."
  value       = aws_db_instance.primary.identifier
}

output "instance_arn" {
  description = "The primary's ARN."
  value       = aws_db_instance.primary.arn
}

output "name" {
  description = "The database's name."
  value       = aws_db_instance.primary.db_name
}

output "proxy_name" {
  description = "The proxy's name."
  value       = aws_db_proxy.this.name
}

output "proxy_endpoint" {
  description = "Where the functions connect."
  value       = aws_db_proxy.this.endpoint
}

output "proxy_resource_id" {
  description = "The proxy as IAM's `rds-db:connect` names it."
  value       = element(split(":", aws_db_proxy.this.arn), 6)
}

output "subnet_group" {
  description = "The database's subnets, as RDS names them."
  value       = aws_db_subnet_group.this.name
}
