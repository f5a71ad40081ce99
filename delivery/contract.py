"""Takes away what only the release before needed: `python delivery/contract.py staging`, or `make contract
ENV=staging`.

A contraction breaks the release before. So it is a person who starts it, once nobody will go back there, and it is
refused
while any function still serves anything but its newest version. docs/runbooks/release.md says when.

A snapshot of the database comes first, by which alone what was taken away could come back.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import boto3
import migrations
import versions


def main(environment: str) -> None:
    functions = migrations.client()
    for name in versions.names():
        _need_newest(functions, f"berthcare-{environment}-{name}")
    _snapshot(environment)
    # The version that was released, whatever a delivery under way has uploaded since.
    migrations.run(functions, f"berthcare-{environment}-migrate", {"phase": "contract"}, "live")


def _snapshot(environment: str) -> None:
    database = boto3.client("rds", region_name=migrations.REGION)
    instance = f"berthcare-{environment}"
    snapshot = f"{instance}-before-contract-{time.strftime('%Y%m%d%H%M%S', time.gmtime())}"
    database.create_db_snapshot(DBInstanceIdentifier=instance, DBSnapshotIdentifier=snapshot)
    print(f"Taking the snapshot {snapshot}", flush=True)
    database.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier=snapshot)


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
