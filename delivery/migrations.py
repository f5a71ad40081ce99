"""The function `migrate`, invoked from outside."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import boto3
from botocore.config import Config

# The living region, or the one that recovers: docs/runbooks/region-loss.md.
REGION = os.environ.get("AWS_REGION", "ca-central-1")
ENVIRONMENTS = ("staging", "production")
# A migration may take as long as Lambda lets it.
LONGEST = 900


def client() -> Any:
    """Lambda, asked once by a call that waits as long as a migration takes, and is never repeated behind our back."""
    return boto3.client(
        "lambda", region_name=REGION, config=Config(read_timeout=LONGEST + 30, retries={"total_max_attempts": 1})
    )


def run(functions: Any, name: str, request: dict[str, str], qualifier: str = "$LATEST") -> None:
    """Runs them and prints the report; ends the program where one fails."""
    answer = functions.invoke(FunctionName=name, Qualifier=qualifier, Payload=json.dumps(request).encode())
    report = answer["Payload"].read().decode()
    if answer.get("FunctionError"):
        sys.exit(f"The migrations failed; no traffic was shifted for them: {report}")
    print(f"Migrations: {json.dumps(json.loads(report))}", flush=True)
