#!/bin/sh
# Prepares a part of terraform/ (global, region or edge) for an environment: `./delivery/terraform.sh staging region`.
# Where its state lies is a parameter that terraform/bootstrap published in both regions; AWS_REGION says in which to
# ask.
set -eu
region=${AWS_REGION:-ca-central-1}
bucket=$(aws ssm get-parameter --region "$region" --name "/berthcare/$1/terraform/state-bucket" \
  --query Parameter.Value --output text)
# The region that recovers has a state of its own beside the lost one's.
key=$2.tfstate
[ "$2" != region ] || key=region-$region.tfstate
terraform -chdir="terraform/$2" init -reconfigure \
  -backend-config="bucket=$bucket" -backend-config="key=$key" -backend-config="region=$region"
