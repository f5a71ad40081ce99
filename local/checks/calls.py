"""What the functions asked AWS for is what their roles allow: `python local/checks/calls.py FILE`, the recorder's file.

More asked than allowed would fail in AWS alone; more allowed than ever asked is a right that nobody needs.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import border
import template

# Rights that no call to the emulator shows, by the beginning of the action.
_UNSEEN = ("kms:", "logs:", "rds-db:", "sqs:", "xray:")
# Allowed, and not asked for by any test through a function that runs alone: each with why it stays.
_UNTRIED: dict[str, str] = {
    "sentry": "asked for where a DSN is set",
    "origin": "asked for behind CloudFront",
}


def _resource(text: str) -> str:
    """The part of a policy's resource by which the recorder names it."""
    if secret := re.search(r"/secrets/([\w-]+)-arn", text):
        return secret[1]
    if bucket := re.search(r"/storage/(\w+)-bucket", text):
        return bucket[1]
    return "table" if "ephemeral/table" in text else "jobs" if "-jobs" in text else text


def main(file: Path) -> list[str]:
    asked: dict[str, set[tuple[str, str]]] = {}
    for line in file.read_text().splitlines():
        caller, action, resource = line.split(" ", 2)
        asked.setdefault("photos" if caller == "signed" else caller, set()).add((action, resource))
    found = []
    for function in sorted(template.functions()):
        allowed = {
            (statement["Action"], _resource(str(statement["Resource"])))
            for statement in border.statements(function)
            if not statement["Action"].startswith(_UNSEEN)
        }
        # Locally the database's password is a secret; in AWS functions sign in to the proxy as themselves.
        called = {(action, name) for action, name in asked.get(function, set()) if not name.startswith("database")}
        found += [
            f"{function} asked for {action} on {name}, which its role refuses"
            for action, name in sorted(called - allowed)
        ]
        for action, name in sorted(allowed - called):
            if name not in _UNTRIED:
                found.append(f"{function} may {action} on {name}, which no test asked for")
    return found


if __name__ == "__main__":
    faults = main(Path(sys.argv[1]))
    print(f"{'Failed' if faults else 'Passed'}: calls to AWS against the functions' roles", *faults, sep="\n")
    sys.exit(bool(faults))
