"""Agencies, by commands of the function `migrate`: `python delivery/agencies.py staging create NAME=... TIME_ZONE=...`.

    create           NAME, TIME_ZONE, ADMIN_EMAIL, ADMIN_PHONE; also ADMIN_FIRST_NAME, ADMIN_LAST_NAME, LOCALE
    list
    rename           AGENCY, NAME
    suspend, resume  AGENCY
    set-retention    AGENCY, YEARS

Values are arguments or variables of the environment, by which the Makefile hands them over whatever is in them. In
place of an environment's name `local` means the running local stack, at PORT. Each may be sent again.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

import migrations

SECONDS = 60.0
COMMANDS = {
    "create": "create-agency",
    "list": "list-agencies",
    "rename": "rename-agency",
    "suspend": "suspend-agency",
    "resume": "resume-agency",
    "set-retention": "set-retention",
}


def command(name: str, given: Mapping[str, str]) -> dict[str, Any]:
    """What `migrate` is sent."""

    def value(of: str, otherwise: str = "") -> str:
        if not (found := given.get(of) or otherwise):
            sys.exit(f"Say {of}=...")
        return found

    fields: dict[str, Callable[[], dict[str, Any]]] = {
        "create": lambda: {
            "name": value("NAME"),
            "time_zone": value("TIME_ZONE"),
            "locale": value("LOCALE", "en-CA"),
            "admin": {
                "email": value("ADMIN_EMAIL"),
                "phone": value("ADMIN_PHONE"),
                # Whoever it is corrects them after signing in.
                "first_name": value("ADMIN_FIRST_NAME", "Admin"),
                "last_name": value("ADMIN_LAST_NAME", value("NAME"))[:100],
            },
        },
        "list": dict,
        "rename": lambda: {"id": value("AGENCY"), "name": value("NAME")},
        "suspend": lambda: {"id": value("AGENCY")},
        "resume": lambda: {"id": value("AGENCY")},
        "set-retention": lambda: {"id": value("AGENCY"), "retention_years": int(value("YEARS"))},
    }
    return {"command": COMMANDS[name]} | fields[name]()


def in_aws(environment: str, event: bytes) -> tuple[bool, str]:
    """Whether it worked, and what was answered."""
    answer = migrations.client().invoke(
        FunctionName=f"berthcare-{environment}-migrate", Qualifier="live", Payload=event
    )
    return not answer.get("FunctionError"), answer["Payload"].read().decode()


def here(event: bytes) -> tuple[bool, str]:
    """The same of the local stack."""
    url = f"http://127.0.0.1:{os.environ.get('PORT', '9000')}/2015-03-31/functions/migrate/invocations"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, event), timeout=SECONDS) as answer:
            return True, answer.read().decode()
    except urllib.error.HTTPError as fault:
        return False, fault.read().decode()
    except OSError as fault:
        sys.exit(f"The local stack does not answer: is `make start` running? ({fault})")


def main(environment: str, name: str, given: Mapping[str, str]) -> None:
    event = json.dumps(command(name, given)).encode()
    worked, answered = here(event) if environment == "local" else in_aws(environment, event)
    answer = json.loads(answered)
    if not worked:
        sys.exit(f"Refused: {answer.get('errorMessage', answer)}")
    print(json.dumps(answer, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in ("local", *migrations.ENVIRONMENTS) or sys.argv[2] not in COMMANDS:
        sys.exit(f"Name where (local, staging or production) and what: {', '.join(COMMANDS)}.")
    main(sys.argv[1], sys.argv[2], os.environ | dict(pair.split("=", 1) for pair in sys.argv[3:]))
