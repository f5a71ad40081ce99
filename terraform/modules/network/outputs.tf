output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "private_subnet_ids" {
  description = "The functions' subnets."
  value       = [for zone in var.zones : aws_subnet.private[zone].id]
}

output "database_subnet_ids" {
  description = "The database's subnets."
  value       = [for zone in var.zones : aws_subnet.database[zone].id]
}

output "functions_security_group_id" {
  description = "The functions' security group."
  value       = aws_security_group.functions.id
}

output "proxy_security_group_id" {
  description = "The proxy's security group."
  value       = aws_security_group.proxy.id
}

output "database_security_group_id" {
  description = "The database's security group."
  value       = aws_security_group.database.id
}
