"""CloudFormation's role may do what AWS's own handlers of template.yaml's resources ask for, as far as we use them."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path

import policies
import template

# What handlers ask for in cases that we don't have, each with which.
UNUSED = {
    "elasticfilesystem:DescribeMountTargets": "file systems of functions",
    "kms:CreateGrant": "variables of functions under a key of ours",
    "kms:DescribeKey": "as above",
    "kms:Encrypt": "as above",
    "kms:GenerateDataKey": "as above",
    "s3files:ListMountTargets": "file systems of functions",
}


def faults() -> list[str]:
    allowed = {action.lower() for action in policies.actions_of("modules/release", "cloudformation")}
    found, missing = [], set()
    for kind, asked in sorted(_asked().items()):
        refused = {action for action in asked if not any(fnmatchcase(action.lower(), right) for right in allowed)}
        missing |= refused
        found += [
            f"CloudFormation's role lacks {action}, which {kind} asks for" for action in sorted(refused - set(UNUSED))
        ]
    return found + [f"{action} is excepted, and not missing" for action in sorted(set(UNUSED) - missing)]


def _asked() -> dict[str, set[str]]:
    """By type of resource, what its handlers ask for; cfn-lint has AWS's schemas."""
    import cfnlint

    types = {resource["Type"] for resource in template.translated()["Resources"].values()}
    asked = {}
    for file in (Path(cfnlint.__file__).parent / "data" / "schemas" / "resources").glob("*.json"):
        schema = json.loads(file.read_text())
        if schema.get("typeName") in types and "handlers" in schema:
            handlers = (schema["handlers"].get(name, {}) for name in ("create", "read", "update", "delete"))
            asked[schema["typeName"]] = {action for handler in handlers for action in handler.get("permissions", [])}
    if unknown := types - set(asked):
        raise SystemExit(f"cfn-lint has no handlers of {sorted(unknown)}")
    return asked
