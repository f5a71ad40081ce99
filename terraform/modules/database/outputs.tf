output "instance" {
  description = "The primary: its identifier and ARN."
  value       = { id = aws_db_instance.primary.identifier, arn = aws_db_instance.primary.arn }
}

output "name" {
  description = "The database's name."
  value       = aws_db_instance.primary.db_name
}

output "proxy" {
  description = "The proxy: its name, where the functions connect, and what IAM's `rds-db:connect` calls it."
  value = {
    name        = aws_db_proxy.this.name
    endpoint    = aws_db_proxy.this.endpoint
    resource_id = element(split(":", aws_db_proxy.this.arn), 6)
  }
}

output "subnet_group" {
  description = "The database's subnets, as RDS names them."
  value       = aws_db_subnet_group.this.name
}
