# A month costs what docs/cost.md says; whoever pays is told before it costs more.

resource "aws_budgets_budget" "month" {
  name         = "${var.name}-month"
  budget_type  = "COST"
  limit_amount = tostring(var.limit_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  dynamic "notification" {
    for_each = {
      spent_most = { type = "ACTUAL", percent = 80 }
      spent_all  = { type = "ACTUAL", percent = 100 }
      will_spend = { type = "FORECASTED", percent = 100 }
    }

    content {
      comparison_operator       = "GREATER_THAN"
      notification_type         = notification.value.type
      threshold                 = notification.value.percent
      threshold_type            = "PERCENTAGE"
      subscriber_sns_topic_arns = [var.topic_arn]
    }
  }
}
