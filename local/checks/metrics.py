"""Alarms and dashboards name only metrics that the code or AWS emits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import template
import terraform
from template import ROOT

OURS = "BerthCare/API"
SOURCE = next((ROOT / "shared").glob("**/src/metrics.rs"))

# What AWS emits of what we watch: by namespace and metric, the sets of dimensions. From the services' own lists:
# docs.aws.amazon.com, "Monitoring ... metrics" of API Gateway HTTP APIs, CloudFront, DynamoDB, Lambda, RDS, RDS Proxy,
# SQS.
_INSTANCE = {frozenset({"DBInstanceIdentifier"})}
_PROXY = {frozenset({"ProxyName"})}
_ALIAS = {
    frozenset({"FunctionName"}), frozenset({"FunctionName", "Resource"}),
    frozenset({"FunctionName", "Resource", "ExecutedVersion"}),
}  # fmt: skip
_VAULT = {frozenset({"BackupVaultName"})}
_TABLE = {frozenset({"TableName"})}
AWS = {
    ("AWS/ApiGateway", "5xx"): {frozenset({"ApiId"})},
    ("AWS/ApiGateway", "Count"): {frozenset({"ApiId"})},
    ("AWS/ApiGateway", "Latency"): {frozenset({"ApiId"})},
    ("AWS/Backup", "NumberOfBackupJobsCompleted"): _VAULT,
    ("AWS/Backup", "NumberOfCopyJobsCompleted"): _VAULT,
    ("AWS/CloudFront", "5xxErrorRate"): {frozenset({"DistributionId", "Region"})},
    ("AWS/DynamoDB", "ReadThrottleEvents"): _TABLE,
    ("AWS/DynamoDB", "SystemErrors"): {frozenset({"TableName", "Operation"})},
    ("AWS/DynamoDB", "WriteThrottleEvents"): _TABLE,
    ("AWS/Lambda", "ConcurrentExecutions"): _ALIAS,
    ("AWS/Lambda", "Duration"): _ALIAS,
    ("AWS/Lambda", "Errors"): _ALIAS,
    ("AWS/Lambda", "Invocations"): _ALIAS,
    ("AWS/Lambda", "Throttles"): _ALIAS,
    ("AWS/RDS", "CPUUtilization"): _INSTANCE,
    ("AWS/RDS", "ClientConnections"): _PROXY,
    ("AWS/RDS", "DatabaseConnections"): _INSTANCE,
    ("AWS/RDS", "DatabaseConnectionsBorrowLatency"): _PROXY,
    ("AWS/RDS", "DatabaseConnectionsCurrentlySessionPinned"): _PROXY,
    ("AWS/RDS", "FreeStorageSpace"): _INSTANCE,
    ("AWS/RDS", "FreeableMemory"): _INSTANCE,
    ("AWS/RDS", "ReadIOPS"): _INSTANCE,
    ("AWS/RDS", "ReadLatency"): _INSTANCE,
    ("AWS/RDS", "WriteIOPS"): _INSTANCE,
    ("AWS/RDS", "WriteLatency"): _INSTANCE,
    ("AWS/Route53", "HealthCheckPercentageHealthy"): {frozenset({"HealthCheckId"})},
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): {frozenset({"QueueName"})},
    ("AWS/Usage", "ResourceCount"): {frozenset({"Service", "Type", "Resource", "Class"})},
}

# The table of alarms in the specification: each must be there.
WANTED = {
    ("AWS/ApiGateway", "5xx"), ("AWS/ApiGateway", "Latency"), ("AWS/Lambda", "Errors"), ("AWS/Lambda", "Throttles"),
    ("AWS/RDS", "CPUUtilization"), ("AWS/RDS", "DatabaseConnections"), ("AWS/RDS", "FreeableMemory"),
    ("AWS/RDS", "FreeStorageSpace"), ("AWS/RDS", "DatabaseConnectionsBorrowLatency"), ("AWS/RDS", "ClientConnections"),
    ("AWS/DynamoDB", "ReadThrottleEvents"), ("AWS/DynamoDB", "WriteThrottleEvents"), ("AWS/DynamoDB", "SystemErrors"),
    ("AWS/CloudFront", "5xxErrorRate"), (OURS, "OutboxAge"), (OURS, "AlertUnacknowledged"),
    (OURS, "PrivacyOverdue"),
    ("BerthCare/Security", "RefusedSecretReads"), ("AWS/Backup", "NumberOfBackupJobsCompleted"),
    ("AWS/Backup", "NumberOfCopyJobsCompleted"), ("BerthCare/Backups", "DatabaseBackups"),
    ("AWS/Route53", "HealthCheckPercentageHealthy"), (OURS, "JobDuration"), (OURS, "ErrorCount"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"), ("AWS/Lambda", "Invocations"),
    ("AWS/Lambda", "ConcurrentExecutions"), ("AWS/Usage", "ResourceCount"),
}  # fmt: skip

Metric = tuple[str, str]
Named = tuple[str, Metric, frozenset[str]]


def faults() -> list[str]:
    emitted = AWS | _ours() | _filtered()
    alarms = [*_alarms(), *_release_alarms()]
    found = [f"no alarm watches {space} {name}" for space, name in sorted(WANTED - {metric for _, metric, _ in alarms})]
    for where, metric, dimensions in [*alarms, *_graphs()]:
        if metric not in emitted:
            found.append(f"{where}: nothing emits {' '.join(metric)}")
        elif dimensions not in emitted[metric]:
            found.append(
                f"{where}: {' '.join(metric)} comes by {sorted(map(sorted, emitted[metric]))}, not {sorted(dimensions)}"
            )
    return found


def _ours() -> dict[Metric, set[frozenset[str]]]:
    """The metrics that metrics.rs can emit, with their dimensions."""
    text = SOURCE.read_text()
    body = re.search(r"pub enum Metric \{(.*?)\n\}", text, re.DOTALL)
    arms = re.search(r"fn dimensions\(self\).*?match self \{(.*?)\n        \}", text, re.DOTALL)
    if not body or not arms or f'"{OURS}"' not in text:
        raise SystemExit(f"{SOURCE} has another shape than local/checks/metrics.py reads")
    names = {
        variant: renamed or variant
        for renamed, variant in re.findall(r'(?:serialize = "(\w+)"\)\]\s*)?^\s{4}(\w+),$', body[1], re.MULTILINE)
    }
    dimensions = {variant: {frozenset[str]()} for variant in names}
    for variants, listed in re.findall(
        r"((?:Self::\w+[\s|]*)+)=> (?:\{\s*)?&\[(.*?)\](?:,|\s*\})\n", arms[1], re.DOTALL
    ):
        sets = re.findall(r"\[(.*?)\]", listed, re.DOTALL) or [listed]
        for variant in re.findall(r"Self::(\w+)", variants):
            dimensions[variant] = {frozenset(re.findall(r"Dimension::(\w+)", one)) for one in sets}
    return {(OURS, name): dimensions[variant] for variant, name in names.items()}


_FOLDERS = [terraform.FOLDER / "modules" / "monitoring", terraform.FOLDER / "edge"]


def _blocks(kind: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for folder in _FOLDERS:
        yield from terraform.blocks(terraform.parsed(folder), kind, name)


def _local(name: str) -> Any:
    return terraform.local(_FOLDERS[0], name)


def _plain(value: str) -> str:
    """A string, and `local.x` as what it stands for."""
    reference = re.fullmatch(r"\$\{local\.(\w+)\}", value)
    return _plain(_local(reference[1])) if reference else value


def _keys(dimensions: Any) -> frozenset[str]:
    if isinstance(dimensions, str):
        dimensions = _local(re.sub(r"\W|local\.", "", dimensions.replace("${local.", "").rstrip("}")))
    return frozenset(dimensions)


def _filtered() -> dict[Metric, set[frozenset[str]]]:
    """Those that a filter makes of a log."""
    found = {}
    for _, body in _blocks("resource", "aws_cloudwatch_log_metric_filter"):
        for transformation in body["metric_transformation"]:
            found[_plain(transformation["namespace"]), _plain(transformation["name"])] = {frozenset[str]()}
    return found


def _alarms() -> Iterator[Named]:
    """Terraform's: the table of alarms.tf, and the resources of their own."""
    for table in ("alarms", "completions"):
        for name, alarm in _local(table).items():
            yield name, (_plain(alarm["namespace"]), _plain(alarm["metric"])), _keys(alarm["dimensions"])
    for name, body in _blocks("resource", "aws_cloudwatch_metric_alarm"):
        if name not in ("this", "no_backup"):
            yield from ((name, metric, dimensions) for metric, dimensions in _metrics_within(body))


def _metrics_within(value: Any) -> Iterator[tuple[Metric, frozenset[str]]]:
    if isinstance(value, dict):
        if "metric_name" in value:
            yield (_plain(value["namespace"]), _plain(value["metric_name"])), _keys(value["dimensions"])
        for inner in value.values():
            yield from _metrics_within(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _metrics_within(inner)


def _release_alarms() -> Iterator[Named]:
    """template.yaml's."""
    for alarm in template.resources("AWS::CloudWatch::Alarm"):
        metrics = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", []) if "MetricStat" in query] or [
            alarm
        ]
        for metric in metrics:
            dimensions = frozenset(dimension["Name"] for dimension in metric["Dimensions"])
            yield str(alarm["AlarmName"]), (metric["Namespace"], metric["MetricName"]), dimensions


def _graphs() -> Iterator[Named]:
    """Those of the dashboards, read as text: a graph lists a metric as CloudWatch writes it."""
    text = (
        (terraform.FOLDER / "modules" / "monitoring" / "dashboards.tf").read_text().replace("local.custom", f'"{OURS}"')
    )
    for reference in ("security_namespace", "refused_secret_reads"):
        text = text.replace(f"local.{reference}", f'"{_plain(_local(reference))}"')
    for space, name, rest in re.findall(r'\["((?:AWS|BerthCare)/\w+)", "(\w+)"((?:, [^\]]*)?)\]', text):
        pairs = [part.strip() for part in rest.split(",")[1:]]
        yield "dashboards", (space, name), frozenset(part.strip('"') for part in pairs[::2])
    for dimensions, name in re.findall(r'SEARCH\(\'\{\$\{"BerthCare/API"\},([\w,]+)\} MetricName=\\"(\w+)\\"', text):
        yield "dashboards", (OURS, name), frozenset(dimensions.split(","))
