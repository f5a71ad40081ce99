"""template.yaml as CloudFormation will see it."""

from __future__ import annotations

import json
import logging
import os
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "template.yaml"
ENVIRONMENTS = ("staging", "production")


def source() -> dict[str, Any]:
    """The template as it is written."""
    return _source(FILE.read_text())


@cache
def _source(text: str) -> dict[str, Any]:
    from samtranslator.yaml_helper import yaml_parse

    return dict(yaml_parse(text))


def functions() -> dict[str, dict[str, Any]]:
    """The functions' resources, by the binary that each runs."""
    found = {}
    for resource in source()["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            found[resource["Metadata"]["BuildProperties"]["Binary"]] = resource["Properties"]
    return found


def resources(kind: str) -> list[dict[str, Any]]:
    """The properties of all resources of one type."""
    return [resource["Properties"] for resource in source()["Resources"].values() if resource["Type"] == kind]


def translated() -> dict[str, Any]:
    """The template after AWS's own translation of what SAM adds to CloudFormation."""
    return _translated(FILE.read_text())


@cache
def _translated(text: str) -> dict[str, Any]:
    os.environ.setdefault("AWS_DEFAULT_REGION", "ca-central-1")
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    from samtranslator.translator.transform import transform
    from samtranslator.yaml_helper import yaml_parse

    class NoManagedPolicies:
        def load(self) -> dict[str, str]:
            return {}

    template = yaml_parse(text)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://releases/function.zip"
    values = {"Environment": "staging", "PortalOrigins": "https://portal.example.ca"}
    return dict(transform(template, values, NoManagedPolicies()))


def lint() -> list[str]:
    """What cfn-lint finds in the template, written and translated, and SAM in the written one."""
    faults = []
    tools = Path(sys.executable).parent
    file = ROOT / "local" / ".state" / "template.translated.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(translated(), indent=1))
    env = dict(os.environ) | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "ca-central-1"}
    # Translated here, a plain parameter has become its value, and is not used any more.
    commands = [
        [str(tools / "cfn-lint"), "--regions", "ca-central-1", *spared, "--", str(written)]
        for written, spared in ((FILE, []), (file, ["--ignore-checks", "W2001"]))
    ]
    # What sam adds to these two is little, and sam is large: it checks where it is installed, as for `make deploy`.
    own = ROOT / "local" / ".venv-sam" / "bin" / "sam"
    if sam := str(own) if own.exists() else shutil.which("sam"):
        for kind in (["--lint"], []):
            commands.append([sam, "validate", *kind, "--region", "ca-central-1", "--template", str(FILE)])
    else:
        print("sam validate was NOT run: `make deploy` would install it.")
    started = [
        (
            command,
            subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True),
        )
        for command in commands
    ]
    for command, process in started:
        told, _ = process.communicate()
        if process.returncode:
            faults.append(f"{shlex.join(command)}:\n{told}")
    return faults
