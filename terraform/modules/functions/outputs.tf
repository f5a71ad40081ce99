output "role_prefix" {
  description = "The functions' roles' ARNs, but for the function's name at the end."
  value       = "arn:aws:iam::${local.account}:role/${local.role_prefix}"
}

output "dead_letters_arn" {
  description = "The queue of events that could not be delivered."
  value       = aws_sqs_queue.dead_letters.arn
}

output "api_logs_arn" {
  description = "The log group of the API's access log."
  value       = aws_cloudwatch_log_group.api.arn
}
