# AWS's own rotation function changes the two passwords each month. Nothing but the proxy uses them, and the proxy keeps
# its open connections, so that no request notices.

# Ours, before Lambda makes it: with a key and an end.
resource "aws_cloudwatch_log_group" "rotation" {
  name              = "/aws/lambda/${var.name}-password-rotation"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.logs_key_arn
}

resource "aws_serverlessapplicationrepository_cloudformation_stack" "rotation" {
  name             = "${var.name}-password-rotation"
  application_id   = "arn:aws:serverlessrepo:us-east-1:297356227824:applications/SecretsManagerRDSPostgreSQLRotationSingleUser"
  semantic_version = "1.1.594"
  capabilities     = ["CAPABILITY_IAM", "CAPABILITY_RESOURCE_POLICY"]

  parameters = {
    functionName        = "${var.name}-password-rotation"
    endpoint            = "https://secretsmanager.${data.aws_region.current.region}.amazonaws.com"
    vpcSubnetIds        = join(",", var.rotation_subnet_ids)
    vpcSecurityGroupIds = var.maintenance_security_group_id
    kmsKeyArn           = var.secrets_key_arn
    # A token in a PostgreSQL URL or a shell must not need quoting.
    excludeCharacters = " /@\"'\\%`$:?#"
  }

  depends_on = [aws_cloudwatch_log_group.rotation]
}

resource "aws_secretsmanager_secret_rotation" "password" {
  for_each = var.password_secret_arns

  secret_id           = each.value
  rotation_lambda_arn = aws_serverlessapplicationrepository_cloudformation_stack.rotation.outputs["RotationLambdaARN"]
  # The roles get their passwords after this: see docs/runbooks/first-deployment.md.
  rotate_immediately = false

  rotation_rules {
    automatically_after_days = 30
  }
}

# What the passwords' secrets hold at first; the rotation writes the later versions. The password passes through and is kept
# in no state.
ephemeral "aws_secretsmanager_random_password" "first" {
  for_each = var.password_secret_arns

  password_length     = 40
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret_version" "first" {
  for_each = var.password_secret_arns

  secret_id                = each.value
  secret_string_wo_version = 1
  secret_string_wo = jsonencode({
    engine               = "postgres"
    dbInstanceIdentifier = aws_db_instance.primary.identifier
    host                 = aws_db_instance.primary.address
    port                 = aws_db_instance.primary.port
    dbname               = aws_db_instance.primary.db_name
    username             = each.key
    password             = ephemeral.aws_secretsmanager_random_password.first[each.key].random_password
  })
}
