output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "subnet_ids" {
  description = "The subnets of the functions (private) and of the database."
  value = {
    private  = [for zone in var.zones : aws_subnet.private[zone].id]
    database = [for zone in var.zones : aws_subnet.database[zone].id]
  }
}

output "security_group_ids" {
  description = "The security groups of the functions, the proxy and the database."
  value = {
    functions = aws_security_group.this["functions"].id
    proxy     = aws_security_group.this["proxy"].id
    database  = aws_security_group.this["database"].id
  }
}
