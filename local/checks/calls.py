"""What the functions asked AWS for is what their roles allow: `python local/checks/calls.py FILE`, the recorder's file.

More asked than allowed would fail in AWS alone, so that it fails here. More allowed than was asked is either a right that nobody
needs or a call that no test makes through a function that runs alone: it is told, for a person to decide.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import border
import template

# Rights that no call to the emulator shows, by the beginning of the action.
_UNSEEN = ("kms:", "logs:", "rds-db:", "sqs:", "xray:")
# Allowed, and never asked of the emulator: each with why.
_ELSEWHERE = {
    "jobs": "locally invoked at cargo-lambda's address",
    "origin": "read behind CloudFront alone",
    "sentry": "read where errors are reported, which is nowhere locally",
}


def _resource(text: str) -> str:
    """The part of a policy's resource by which the recorder names it."""
    if secret := re.search(r"/secrets/([\w-]+)-arn", text):
        return secret[1]
    if bucket := re.search(r"/storage/(\w+)-bucket", text):
        return bucket[1]
    return "table" if "ephemeral/table" in text else "jobs" if "-jobs" in text else text


def compare(file: Path) -> tuple[list[str], list[str]]:
    """What was refused, and what was not needed."""
    asked: dict[str, set[tuple[str, str]]] = {}
    for line in file.read_text().splitlines():
        caller, action, resource = line.split(" ", 2)
        asked.setdefault("photos" if caller == "signed" else caller, set()).add((action, resource))
    refused, unneeded = [], []
    for function in sorted(template.functions()):
        allowed = {
            (statement["Action"], _resource(str(statement["Resource"])))
            for statement in border.statements(function)
            if not statement["Action"].startswith(_UNSEEN)
        }
        # Locally the database's password is a secret; in AWS functions sign in to the proxy as themselves.
        called = {(action, name) for action, name in asked.get(function, set()) if not name.startswith("database")}
        refused += [f"{function}: {action} on {name}" for action, name in sorted(called - allowed)]
        unneeded += [
            f"{function}: {action} on {name}" for action, name in sorted(allowed - called) if name not in _ELSEWHERE
        ]
    return refused, unneeded


if __name__ == "__main__":
    refused, unneeded = compare(Path(sys.argv[1]))
    print("Allowed by template.yaml, and asked for by no test:", *unneeded or ["nothing"], sep="\n  ")
    print("Asked for, and refused by template.yaml:", *refused or ["nothing"], sep="\n  ")
    sys.exit(bool(refused))
