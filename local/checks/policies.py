"""The policies that terraform writes, read as AWS would: what a role lacks, and what AWS refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import border
import terraform

Statement = dict[str, Any]

# Where a service's own documents have this condition in a trust, a bucket's, a topic's or a key's policy. Elsewhere
# the service
# sends no account, so that the condition refuses it: CloudTrail's role for CloudWatch Logs, RDS Proxy's, S3's for
# replication,
# EventBridge on topics.
SOURCE_ACCOUNT = {
    "cloudwatch.amazonaws.com": "SNS, 'enable compatibility between event sources and encrypted topics'",
    "logging.s3.amazonaws.com": "S3, 'permissions for log delivery'",
    "monitoring.rds.amazonaws.com": "RDS, 'setting up and enabling Enhanced Monitoring'",
    "scheduler.amazonaws.com": "EventBridge Scheduler, 'cross-service confused deputy prevention'",
    "vpc-flow-logs.amazonaws.com": "VPC, 'IAM role for publishing flow logs to CloudWatch Logs'",
}
# Actions that the service authorisation reference lists without a type of resource: on a name they are refused.
NAMELESS = {
    "cloudwatch:DescribeAlarms", "codedeploy:GetDeploymentTarget", "codedeploy:ListDeploymentTargets",
    "codedeploy:PutLifecycleEventHookExecutionStatus", "xray:PutTraceSegments", "xray:PutTelemetryRecords",
    "ec2:DescribeSubnets",
}  # fmt: skip
# What reads or writes something under one of our keys, and what of the key it needs.
ENCRYPTED = {
    "dynamodb:DeleteItem": "Decrypt", "dynamodb:GetItem": "Decrypt", "dynamodb:PutItem": "Decrypt",
    "dynamodb:UpdateItem": "Decrypt", "s3:GetObject": "Decrypt", "s3:GetObjectVersion": "Decrypt",
    "s3:GetObjectVersionForReplication": "Decrypt", "s3:PutObject": "GenerateDataKey",
    "s3:ReplicateObject": "GenerateDataKey", "secretsmanager:GetSecretValue": "Decrypt", "sqs:SendMessage":
    "GenerateDataKey",
}  # fmt: skip
# Services that say in the table's own policy who they are have the key's policy instead.
_KEYS_POLICY = {
    ("modules/functions", "dead_letters"),
    ("modules/bucket", "bucket"),
    ("modules/storage", "trail"),
}
# The first provider that doesn't read back what it wrote by a write-only argument (its pull request 44876).
_WRITE_ONLY = (6, 27)
_RETIRED_EVENTS = {
    "BACKUP_JOB_SUCCESSFUL", "BACKUP_JOB_FAILED", "BACKUP_JOB_EXPIRED", "RESTORE_JOB_SUCCESSFUL", "RESTORE_JOB_FAILED",
    "BACKUP_PLAN_CREATED", "BACKUP_PLAN_MODIFIED",
}  # fmt: skip


def faults() -> list[str]:
    return [
        *_source_account(),
        *_nameless(),
        *_functions(),
        *_keys(),
        *_secrets(),
        *_backups(),
        *_replicas(),
        *_github(),
    ]


def _documents() -> Iterator[tuple[Path, str, list[Statement]]]:
    for file, content in terraform.everywhere():
        for name, body in terraform.blocks([content], "data", "aws_iam_policy_document"):
            written = list(body.get("statement", []))
            written += [
                inner for block in body.get("dynamic", []) for one in block.values() for inner in one["content"]
            ]
            yield file.parent, name, written


def actions_of(folder: str, name: str) -> set[str]:
    """What a policy document allows."""
    for path, document, statements in _documents():
        if (str(path), document) == (folder, name):
            allowing = [one for one in statements if one.get("effect", "Allow") == "Allow"]
            return {action for one in allowing for action in one["actions"]}
    raise SystemExit(f"terraform/{folder} has no policy document {name}")


def _source_account() -> list[str]:
    found = []
    for folder, name, statements in _documents():
        for statement in statements:
            variables = [condition["variable"] for condition in statement.get("condition", [])]
            principals = [one for who in statement.get("principals", []) for one in who["identifiers"]]
            if "aws:SourceAccount" in variables:
                found += [
                    f"{folder}, {name}: {one} sends no account" for one in principals if one not in SOURCE_ACCOUNT
                ]
    # Who takes a role, and what may use a key.
    for file, content in terraform.everywhere():
        for block in content.get("module", []):
            for name, module in block.items():
                if module.get("own_account_only") and module["service"] not in SOURCE_ACCOUNT:
                    found.append(f"{file}, {name}: {module['service']} sends no account")
                for service in module.get("services", {}).values():
                    by_account = "SourceAccount" in str(service.get("condition")) or "from_this" in str(
                        service.get("condition")
                    )
                    if by_account and service["principal"] not in SOURCE_ACCOUNT:
                        found.append(f"{file}, {name}: {service['principal']} sends no account")
    return found


def _nameless() -> list[str]:
    return [
        f"{folder}, {name}: {action} knows no names, so that it is refused on {statement['resources']}"
        for folder, name, statements in _documents()
        for statement in statements
        for action in NAMELESS & set(statement.get("actions", []))
        if statement["resources"] != ["*"]
    ]


def _functions() -> list[str]:
    """Each service that a line of the table uses has its entry among the keys of the module that makes the roles."""
    keys = terraform.local(terraform.FOLDER / "modules" / "functions", "keys")
    spared = set(terraform.local(terraform.FOLDER / "modules" / "functions", "without_key"))
    found = []
    for name, line in border.table().items():
        used = {f"dynamodb:{operation}" for operation in line["table"]} | {one["action"] for one in line["objects"]}
        used |= {"secretsmanager:GetSecretValue"} if line["secrets"] else set()
        used |= {"sqs:SendMessage"} if line["events"] else set()
        for action in used & set(ENCRYPTED):
            needed = f"kms:{ENCRYPTED[action]}"
            if needed not in keys.get(action.split(":")[0], {}).get("actions", []) or action in spared:
                found.append(f"{name}: {action} needs {needed}, which its role lacks")
    return found


def _keys() -> list[str]:
    """The same of every other role: whoever reads or writes under a key has a statement on one."""
    found = []
    for folder, name, statements in _documents():
        if (str(folder), name) in _KEYS_POLICY or str(folder) == "modules/network":
            continue
        allowed = {
            action for one in statements if one.get("effect", "Allow") == "Allow" for action in one.get("actions", [])
        }
        for action in allowed & set(ENCRYPTED):
            if f"kms:{ENCRYPTED[action]}" not in allowed:
                found.append(f"{folder}, {name}: {action} needs kms:{ENCRYPTED[action]}")
    return found


def _secrets() -> list[str]:
    """The secrets' policies let functions alone read, so that Terraform is refused what it would compare."""
    found = []
    for file, content in terraform.everywhere():
        for name, version in terraform.blocks([content], "resource", "aws_secretsmanager_secret_version"):
            if "secret_string" in version or "secret_binary" in version:
                found.append(f"{file}: {name} is written and read back, which the secret's policy refuses")
        for settings in content.get("terraform", []):
            for provider in settings.get("required_providers", []):
                minimum = provider["aws"]["version"].removeprefix("~>").removeprefix(">=").split(",")[0].strip()
                if tuple(map(int, minimum.split(".")[:2])) < _WRITE_ONLY:
                    found.append(f"{file}: providers from {minimum} on may read back what is write-only")
    return found


def _backups() -> list[str]:
    found = []
    for file, _ in terraform.everywhere():
        text = (terraform.FOLDER / file).read_text()
        found += [
            f"{file}: AWS Backup no longer tells of {event}"
            for event in sorted(_RETIRED_EVENTS)
            if f'"{event}"' in text
        ]
    return found


def _replicas() -> list[str]:
    """A replica in its source's region has its source's key and may name none."""
    return [
        f"{file}: {name} is a replica in the same region and names a key, which RDS refuses"
        for file, content in terraform.everywhere()
        for name, instance in terraform.blocks([content], "resource", "aws_db_instance")
        if "replicate_source_db" in instance and "kms_key_id" in instance
    ]


def _github() -> list[str]:
    """GitHub's tokens of a repository made since July 2026 name owner and repository with their ids."""
    for folder, name, statements in _documents():
        for statement in statements if (str(folder), name) == ("global", "deploy_trust") else []:
            for condition in statement["condition"]:
                if condition["variable"].endswith(":sub") and "var.github_repositories" in str(condition["values"]):
                    example = terraform.loaded(terraform.FOLDER / "environments" / "account.tfvars.example")
                    if all("@" in part for part in example["github_repositories"][0].split("/")):
                        return []
    return ["GitHub's tokens carry ids, or not: the trust must take a list of subjects, and the example show ids"]
