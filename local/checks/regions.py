"""The recovery region, planned beside the living one: nothing in it has a name that is taken.

Plans every root of terraform/ for staging, terraform/region twice, and production's. Roles and buckets have one name
for all regions together; what else has a name may not share it within a region.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import terraform

# An account that is nobody's.
_ACCOUNT = """
account_id          = "123456789012"
domain_name         = "api.staging.example.ca"
hosted_zone_id      = "Z0123456789EXAMPLE"
alarm_emails        = ["oncall@example.ca"]
github_repositories = ["example@1/example@2"]
"""
# What each plan is of: the root, and what is given beside the environment's and the account's values.
_PLANS = {
    "bootstrap": ("bootstrap", ["-var=environment=staging", "-var=account_id=123456789012"]),
    "global": ("global", []),
    "the living region": ("region", []),
    "the recovery region": ("region", ["-var-file=../environments/recovery.tfvars"]),
    "edge": ("edge", []),
    # Of an account of its own; so that its values fit, too.
    "production": ("region", ["-var-file=../environments/production.tfvars"]),
}
# What has one name in all regions together.
_EVERYWHERE = ("aws_iam_", "aws_s3_bucket", "aws_cloudfront_", "aws_route53_", "aws_budgets_", "aws_ce_")
# Which attribute is the name, where it isn't `name`.
_NAMES = (
    "bucket",
    "identifier",
    "dashboard_name",
    "alarm_name",
    "analyzer_name",
    "db_subnet_group_name",
    "policy_name",
)
# Parts of something else, whose names are that one's, or count within it alone.
_PARTS = (
    "aws_apigatewayv2_stage", "aws_backup_selection", "aws_cloudwatch_event_target", "aws_cloudwatch_log_metric_filter",
    "aws_db_proxy_default_target_group",
    "aws_db_proxy_target", "aws_iam_role_policy", "aws_s3_bucket_", "aws_backup_restore_testing_selection",
)  # fmt: skip


def faults() -> list[str]:
    return _among(_PLANS)


def found() -> Iterator[str]:
    """The faults of the two regions alone, which are the likeliest."""
    yield from _among({what: plan for what, plan in _PLANS.items() if "region" in what})


def _among(wanted: dict[str, tuple[str, list[str]]]) -> list[str]:
    offline = shlex.split(os.environ.get("TFOFFLINE", ""))
    if not offline:
        # The real provider asks AWS who it is, even to plan.
        print("The regions were NOT planned: TFOFFLINE names no command that plans without an account.")
        return []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(max_workers=2) as pool:
        copy = Path(folder)
        shutil.copytree(terraform.FOLDER, copy / "terraform", ignore=shutil.ignore_patterns(".terraform*"))
        (copy / "account.tfvars").write_text(_ACCOUNT)
        plans = dict(zip(wanted, pool.map(lambda plan: _plan(copy, offline, plan), wanted.items()), strict=True))
    if broken := [plan for plan in plans.values() if isinstance(plan, str)]:
        return broken
    return collisions({what: dict(plan) for what, plan in plans.items()})


def collisions(plans: dict[str, Any]) -> list[str]:
    """Names that two resources of any two plans share."""
    taken: dict[tuple[str, str, str], str] = {}
    found = []
    for what, plan in plans.items():
        for address, identity in _named(plan):
            if (other := taken.setdefault(identity, f"{what}: {address}")) != f"{what}: {address}":
                found.append(f"{' '.join(identity)}: {what}: {address} and {other}")
    return found


def _plan(copy: Path, offline: list[str], named: tuple[str, tuple[str, list[str]]]) -> dict[str, Any] | str:
    """A plan against an empty state, as Terraform writes it; where that fails, what it says."""
    root, given = named[1]
    values = (
        [] if root == "bootstrap" else ["-var-file=../environments/staging.tfvars", "-var-file=../../account.tfvars"]
    )
    with tempfile.TemporaryDirectory() as data:
        folder = copy / "terraform" / root
        override = folder / "backend_override.tf"
        override.write_text('terraform {\n  backend "local" {}\n}\n')
        plan = Path(data) / "plan"
        quiet = "-no-color -input=false -compact-warnings -lock=false -refresh=false"
        script = (
            f"cd {shlex.quote(str(folder))} && terraform init -input=false >/dev/null && "
            f"terraform plan {quiet} -out={plan} {shlex.join([*values, *given])} >{data}/told 2>&1 && "
            f"terraform show -json {plan}"
        )
        env = dict(os.environ) | {"TF_DATA_DIR": data}
        reply = subprocess.run([*offline, "sh", "-c", script], env=env, capture_output=True, text=True)
        if reply.returncode:
            told = Path(data) / "told"
            return f"{named[0]} can't be planned: {told.read_text() if told.exists() else ''}{reply.stderr}"
        return dict(json.loads(reply.stdout))


def _named(plan: dict[str, Any]) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Addresses, and by which type, region and name AWS knows them."""
    providers = {key: _region(plan, provider) for key, provider in plan["configuration"]["provider_config"].items()}
    configured = dict(_configured(plan["configuration"]["root_module"], ""))
    for resource in _planned(plan["planned_values"]["root_module"]):
        kind, values = resource["type"], resource["values"]
        name = next((values[key] for key in (*_NAMES, "name") if isinstance(values.get(key), str)), None)
        if name is None or any(kind == part or (part.endswith("_") and kind.startswith(part)) for part in _PARTS):
            continue
        if kind.startswith(_EVERYWHERE):
            # One name for an address's two records.
            yield resource["address"], (kind, "everywhere", f"{name} {values.get('type', '')}".strip())
        else:
            region = values.get("region") or providers[configured[_without_keys(resource["address"])]]
            yield resource["address"], (kind, str(region), name)


def _without_keys(address: str) -> str:
    """`module.a[0].b.c["d.e"]` as it is configured: `module.a.b.c`."""
    plain, depth = "", 0
    for letter in address:
        depth += letter == "["
        plain += letter if depth == 0 else ""
        depth -= letter == "]"
    return plain


def _region(plan: dict[str, Any], provider: dict[str, Any]) -> str:
    """A provider's region, which is written or a variable."""
    region = provider.get("expressions", {}).get("region", {})
    if "constant_value" in region:
        return str(region["constant_value"])
    variable = next((one for one in region.get("references", []) if one.startswith("var.")), "var.")
    return str(plan.get("variables", {}).get(variable.removeprefix("var."), {}).get("value"))


def _configured(module: dict[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for resource in module.get("resources", []):
        yield prefix + resource["address"], resource["provider_config_key"]
    for name, call in module.get("module_calls", {}).items():
        yield from _configured(call["module"], f"{prefix}module.{name}.")


def _planned(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (
        resource for resource in module.get("resources", []) if resource["mode"] == "managed" and "values" in resource
    )
    for child in module.get("child_modules", []):
        yield from _planned(child)
