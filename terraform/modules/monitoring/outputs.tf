output "topic_arn" {
  description = "Whom alarms tell."
  value       = module.topic.arn
}
