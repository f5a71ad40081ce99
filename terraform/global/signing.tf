# Staging signs what it has served; production asks for that signature. Its private half never leaves KMS.

resource "aws_kms_key" "releases" {
  # checkov:skip=CKV_AWS_7:KMS rotates no asymmetric key.
  # checkov:skip=CKV2_AWS_64:Without a policy the account administers the key by its own policies, of which one alone
  # may sign.
  count = var.environment == "staging" ? 1 : 0

  description              = "Signs the bytes of releases"
  key_usage                = "SIGN_VERIFY"
  customer_master_key_spec = "ECC_NIST_P256"
  deletion_window_in_days  = 30
}

resource "aws_kms_alias" "releases" {
  count = var.environment == "staging" ? 1 : 0

  name          = "alias/${local.name}-releases"
  target_key_id = aws_kms_key.releases[0].key_id
}

data "aws_iam_policy_document" "sign" {
  count = var.environment == "staging" ? 1 : 0

  statement {
    sid       = "Sign"
    actions   = ["kms:Sign"]
    resources = [aws_kms_key.releases[0].arn]
  }
}

resource "aws_iam_role_policy" "sign" {
  count = var.environment == "staging" ? 1 : 0

  name   = "sign"
  role   = aws_iam_role.deploy.id
  policy = data.aws_iam_policy_document.sign[0].json
}
