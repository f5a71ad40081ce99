"""Schemathesis against every operation, as each role.

Each request is made from the API's own document; the answers must be documented, well-formed and never 5xx.
Everything is drawn from one seed, so that a failure can be repeated.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
import uuid

PASSWORD = "berthcare-demo"
ROLES = ("family", "aide", "nurse", "coordinator", "admin")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
EXAMPLES = int(os.environ.get("EXAMPLES", "15"))

# They take no token, and their rate limits would shut the roles out: tried once, after everybody has signed in.
PUBLIC = re.compile(r"POST .*/auth/(login|refresh|forgot|activate)$")
# They end a session or take a user's access away: tried last, each role with a session of its own for it.
ENDING = re.compile(r"POST .*/auth/(logout|logout-all|password)$|DELETE .*/users/\{\w+\}(/devices/\{\w+\})?$")


def check(address: str) -> int:
    """Answers 0 when no role found a fault."""
    names = _operations(address)
    failed: list[str] = []
    for role in ROLES:
        token = _sign_in(address, role)
        passed = _run(
            address, f"{role}, all but what ends its session", token, _options("--exclude-name", names, PUBLIC, ENDING)
        )
        # With a session cut off the run would have tested nothing but 401.
        if not (passed and _works(address, token)):
            failed.append(role)
    last = {role: _sign_in(address, role) for role in ROLES}
    if not _run(address, "nobody", None, []):
        failed.append("nobody")
    for role, token in last.items():
        if not _run(address, f"{role}, what ends its session", token, _options("--include-name", names, ENDING)):
            failed.append(f"{role} at its session's end")
    if failed:
        print(f"Schemathesis found faults as {', '.join(failed)}.")
        return 1
    print("Schemathesis found no fault as any role.")
    return 0


def _operations(address: str) -> list[str]:
    """The names that schemathesis has for the operations, such as `GET /v1/visits`."""
    with urllib.request.urlopen(f"{address}/v1/openapi.json", timeout=20) as answer:
        paths: dict[str, dict[str, object]] = json.load(answer)["paths"]
    methods = ("get", "post", "put", "patch", "delete")
    return [f"{method.upper()} {path}" for path, item in paths.items() for method in item if method in methods]


def _options(option: str, names: list[str], *patterns: re.Pattern[str]) -> list[str]:
    return [part for name in names if any(pattern.match(name) for pattern in patterns) for part in (option, name)]


def _run(address: str, who: str, token: str | None, operations: list[str]) -> bool:
    print(f"Schemathesis as {who}:", flush=True)
    started = time.monotonic()
    command = ["schemathesis", "run", f"{address}/v1/openapi.json"]
    command += ["--checks", ",".join(CHECKS), "--max-examples", str(EXAMPLES), "--seed", "1"]
    command += ["--generation-deterministic", "--request-timeout", "20"]
    command += ["--continue-on-failure", "--warnings", "off", "--no-color", *operations]
    if token:
        command += ["--header", f"Authorization: Bearer {token}"]
    # In the passing state's folder, since schemathesis leaves files where it runs.
    passed = subprocess.run(command, cwd=os.environ["LOCAL_STATE"]).returncode == 0
    print(f"Schemathesis as {who}: {'passed' if passed else 'failed'}, {time.monotonic() - started:.0f} s", flush=True)
    return passed


def _sign_in(address: str, role: str) -> str:
    device = {"id": str(uuid.uuid4()), "name": "schemathesis", "platform": "web", "app_version": "1.0.0"}
    body = {"email": f"{role}@demo.berthcare.ca", "password": PASSWORD, "device": device}
    request = urllib.request.Request(
        f"{address}/v1/auth/login", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        token: str = json.load(answer)["access_token"]
    return token


def _works(address: str, token: str) -> bool:
    request = urllib.request.Request(f"{address}/v1/auth/me", headers={"authorization": f"Bearer {token}"})
    try:
        urllib.request.urlopen(request, timeout=20).close()
    except urllib.error.HTTPError as answer:
        print(f"After the run the session was answered {answer.code}.")
        return False
    return True
