"""Takes away what only the release before needed: `python delivery/contract.py staging`, or `make contract ENV=staging`.

A contraction breaks the release before. So it is a person who starts it, once nobody will go back there, and it is refused
while any function still serves anything but its newest version. docs/runbooks/release.md says when.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import migrations

TEMPLATE = Path(__file__).resolve().parents[1] / "template.yaml"


def main(environment: str) -> None:
    functions = migrations.client()
    names = re.findall(r"FunctionName: !Sub berthcare-\$\{Environment\}-(\w+)", TEMPLATE.read_text())
    for name in sorted(names):
        _need_newest(functions, f"berthcare-{environment}-{name}")
    # The version that was released, whatever a delivery under way has uploaded since.
    migrations.run(functions, f"berthcare-{environment}-migrate", {"phase": "contract"}, "live")


def _need_newest(functions: Any, name: str) -> None:
    alias = functions.get_alias(FunctionName=name, Name="live")
    if alias.get("RoutingConfig", {}).get("AdditionalVersionWeights"):
        sys.exit(f"{name} still shifts its traffic to a new version: wait until that is over.")
    pages = functions.get_paginator("list_versions_by_function").paginate(FunctionName=name)
    newest = max(int(one["Version"]) for page in pages for one in page["Versions"] if one["Version"].isdigit())
    if int(alias["FunctionVersion"]) != newest:
        sys.exit(
            f"{name} serves version {alias['FunctionVersion']} and not its newest, {newest}: a release was taken back."
        )


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in migrations.ENVIRONMENTS:
        sys.exit("Name the environment: staging or production.")
    main(sys.argv[1])
