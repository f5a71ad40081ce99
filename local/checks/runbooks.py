"""The runbooks' commands exist: each call of AWS's command line is one of its services', with parameters that it takes.

They are first needed on a bad night, and most of them can't be tried without an account.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from template import ROOT

FOLDER = ROOT / "docs" / "runbooks"
# Under another name on the command line.
_SERVICES = {"deploy": "codedeploy", "s3api": "s3"}
# The command line's own, beside the services' operations.
_OWN = {"logs tail", "sso login"}
_GLOBAL = {"cli-binary-format", "output", "profile", "query", "region"}


def faults() -> list[str]:
    found = []
    for file in sorted(FOLDER.glob("*.md")):
        for service, operation, rest in _commands(file.read_text()):
            if fault := _fault(service, operation, rest):
                found.append(f"{file.name}: aws {service} {operation}: {fault}")
        for link in re.findall(r"\]\(([\w-]+\.md)(?:#[\w-]+)?\)", file.read_text()):
            if not (FOLDER / link).exists():
                found.append(f"{file.name} leads to {link}, which isn't there")
    return found


def _commands(text: str) -> list[tuple[str, str, str]]:
    """Service, operation and what follows, of each call in the blocks and between backquotes."""
    code = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL) + re.findall(r"`(aws [^`]+)`", text))
    joined = re.sub(r"\\\n\s*", " ", code)
    # What stands between quotes is a value.
    plain = re.sub(r"'[^']*'", "''", joined)
    calls = re.split(r"\baws (?=[a-z])", plain)[1:]
    return [(words[0], words[1], call) for call in calls if len(words := re.split(r"[\s()|;]+", call)) > 1]


def _fault(service: str, operation: str, rest: str) -> str:
    if f"{service} {operation}" in _OWN:
        return ""
    if operation == "wait":
        waiter = rest.split()[2].replace("-", "_")
        return "" if waiter in _waiters(service) else f"there is no waiter {waiter}"
    operations = _operations(service)
    if operation not in operations:
        return "there is no such operation"
    # Up to where the command ends.
    given = re.findall(r"\s--([a-z0-9-]+)", re.split(r"[|;)\n]", rest)[0])
    unknown = [name for name in given if name.removeprefix("no-") not in operations[operation] | _GLOBAL]
    return f"it takes no {', '.join(unknown)}" if unknown else ""


@cache
def _client(service: str) -> Any:
    import boto3

    return boto3.client(_SERVICES.get(service, service), region_name="ca-central-1")


@cache
def _operations(service: str) -> dict[str, set[str]]:
    """An API's operations with their parameters, as the command line writes them."""
    from botocore import xform_name

    model = _client(service).meta.service_model
    return {
        xform_name(name, "-"): {
            xform_name(member, "-") for member in getattr(model.operation_model(name).input_shape, "members", {})
        }
        for name in model.operation_names
    }


def _waiters(service: str) -> list[str]:
    return list(_client(service).waiter_names)
