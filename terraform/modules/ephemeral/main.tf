# The table of what expires by itself: sessions, codes, rate windows.

resource "aws_dynamodb_table" "this" {
  # checkov:skip=CKV_AWS_28:All of it is minutes to days old and lost without harm: people sign in again.
  name         = "${var.name}-ephemeral"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"
  range_key    = "sk"

  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.data_key_arn
  }
}
