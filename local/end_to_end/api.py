"""Schemathesis against every operation, as each role.

Each request is made from the API's own document; the answers must be documented, well-formed and never 5xx.
Nothing is left to chance, so that a failure can be repeated.
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
from pathlib import Path

from client import ADMINS_APP

PASSWORD = "berthcare-demo"
# In this order: the later ones may change what the earlier ones are.
ROLES = ("family", "aide", "nurse", "coordinator", "admin")
# Of each operation, on each change; nightly as many as find what the few don't.
EXAMPLES = int(os.environ.get("EXAMPLES", "25" if os.environ.get("NIGHTLY") else "5"))

# They take no token, and their rate limits would shut the roles out: tried last, as nobody.
PUBLIC = re.compile(r"POST .*/auth/(login|refresh|forgot|activate)$")
# They end a session or take a user's access away: tried one by one, each in a session of its own.
ENDING = re.compile(
    r"POST .*/auth/(logout|logout-all|password|mfa|step-up)$"
    r"|DELETE .*/auth/mfa$|DELETE .*/users/\{\w+\}(/mfa|/devices/\{\w+\})?$"
)


def check(address: str) -> int:
    """Returns 0 when schemathesis found no fault as any role."""
    names = _operations(address)
    failed: list[str] = []
    for role in ROLES:
        started = time.monotonic()
        token = _sign_in(address, role, f"{role}@demo.berthcare.ca")
        passed = bool(token) and _run(address, role, token, _options("--exclude-name", names, PUBLIC, ENDING))
        # With a session cut off the run would have tested nothing but 401. Admins may have changed their address.
        email = _email(address, token)
        passed = bool(email) and passed
        # The password last: its example is the right one.
        for name in sorted(filter(ENDING.match, names), key=lambda name: name.endswith("/password")):
            # Wrong codes slow the account down, and without the factor an admin reaches nothing: nothing could follow.
            if role == "admin" and name.endswith(("/auth/mfa", "/auth/step-up")):
                continue
            token = _sign_in(address, role, email)
            passed = bool(token) and _run(address, f"{role}: {name}", token, ["--include-name", name]) and passed
        took = time.monotonic() - started
        print(f"Schemathesis as {role}: {'passed' if passed else 'failed'}, {took:.0f} s", flush=True)
        if not passed:
            failed.append(role)
    if not _run(address, "nobody", None, []):
        failed.append("nobody")
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
    command = ["schemathesis", "run", f"{address}/v1/openapi.json", *operations]
    # A body may fit its schema and still be refused, for what no schema can say.
    command += ["--checks", "all", "--exclude-checks", "positive_data_acceptance"]
    command += ["--max-examples", str(EXAMPLES), "--generation-deterministic", "--request-timeout", "20"]
    command += ["--continue-on-failure", "--warnings", "off", "--no-color"]
    if token:
        command += ["--header", f"Authorization: Bearer {token}"]
    env = dict(os.environ) | {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(Path(__file__).parent)}
    # In the passing state's folder, since schemathesis leaves files where it runs.
    reply = subprocess.run(command, cwd=os.environ["LOCAL_STATE"], env=env, capture_output=True, text=True)
    if reply.returncode != 0:
        print(f"Schemathesis as {who}:\n{reply.stdout}{reply.stderr}", flush=True)
    return reply.returncode == 0


def _sign_in(address: str, role: str, email: str) -> str:
    device = {"id": str(uuid.uuid4()), "name": "schemathesis", "platform": "web", "app_version": "1.0.0"}
    body = {"email": email, "password": PASSWORD, "device": device}
    if role == "admin":
        body["totp"] = ADMINS_APP.next_code()
    request = urllib.request.Request(
        f"{address}/v1/auth/login", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    return _field(request, "access_token", f"The sign-in as {email}")


def _email(address: str, token: str) -> str:
    """The caller's address, or nothing where the session has ended."""
    request = urllib.request.Request(f"{address}/v1/auth/me", headers={"authorization": f"Bearer {token}"})
    return _field(request, "email", "After the run the session's request")


def _field(request: urllib.request.Request, name: str, what: str) -> str:
    """A field of the answer; nothing, and a line that says so, where the request is refused."""
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            value: str = json.load(answer)[name]
            return value
    except urllib.error.HTTPError as answer:
        print(f"{what} was answered {answer.code}.")
        return ""
