# The versions that are in use. `terraform init` adds the checksums for the machine that it runs on;
# docs/first-day-in-aws.md has the line that adds those of all machines, which are then committed.

provider "registry.terraform.io/hashicorp/aws" {
  version     = "6.66.0"
  constraints = "~> 6.66"
}
