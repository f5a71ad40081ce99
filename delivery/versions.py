"""Which version of each function serves, noted at each release; and back to one of those notes.

    python delivery/versions.py staging            shows the newest notes, and what going back would change
    python delivery/versions.py staging NOTE       points every function at the versions of that note

Nothing is guessed: a release changes only some functions, and what a function served before is what the note says.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import migrations

TEMPLATE = Path(__file__).resolve().parents[1] / "template.yaml"
# Beside the artifacts, which are kept as long.
FOLDER = "versions/"
SHOWN = 5


def names() -> list[str]:
    """The functions, after `berthcare-{environment}-`."""
    return sorted(re.findall(r"FunctionName: !Sub berthcare-\$\{Environment\}-(\w+)", TEMPLATE.read_text()))


def serving(functions: Any, environment: str) -> dict[str, str]:
    """By function, the version that its alias points at."""
    aliases = {
        name: functions.get_alias(FunctionName=f"berthcare-{environment}-{name}", Name="live") for name in names()
    }
    return {name: str(alias["FunctionVersion"]) for name, alias in aliases.items()}


def note(bucket: str, now: dict[str, str]) -> None:
    """Keeps what serves now, under the present second."""
    key = f"{FOLDER}{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.json"
    _s3().put_object(Bucket=bucket, Key=key, Body=json.dumps(now).encode())
    print(f"Serving: {json.dumps(now)}, noted as {Path(key).stem}", flush=True)


def notes(bucket: str) -> dict[str, dict[str, str]]:
    """The newest notes, the newest last."""
    pages = _s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=FOLDER)
    keys = sorted(item["Key"] for page in pages for item in page.get("Contents", []))[-SHOWN:]
    return {Path(key).stem: json.loads(_s3().get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys}


def main(environment: str, chosen: str | None) -> None:
    published = boto3.client("ssm", region_name=migrations.REGION)
    name = f"/berthcare/{environment}/storage/releases-bucket"
    bucket = published.get_parameter(Name=name)["Parameter"]["Value"]
    functions, kept = migrations.client(), notes(bucket)
    now = serving(functions, environment)
    if chosen is None:
        print(f"serving now       {json.dumps(now)}")
        for stem, versions in kept.items():
            changes = {
                name: f"{now.get(name)} -> {version}" for name, version in versions.items() if now.get(name) != version
            }
            print(f"{stem}  {json.dumps(changes) if changes else 'the same'}")
        return
    if chosen not in kept:
        sys.exit(f"There is no note {chosen} among the newest: {', '.join(kept) or 'none'}.")
    for name, version in kept[chosen].items():
        if now.get(name) != version and name != "migrate":
            functions.update_alias(
                FunctionName=f"berthcare-{environment}-{name}", Name="live", FunctionVersion=version, RoutingConfig={}
            )
            print(f"{name}: {now.get(name)} -> {version}", flush=True)


def _s3() -> Any:
    return boto3.client("s3", region_name=migrations.REGION)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in migrations.ENVIRONMENTS:
        sys.exit("Name the environment, staging or production, and the note to go back to.")
    main(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else None)
