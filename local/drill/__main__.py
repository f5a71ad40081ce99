"""Exercises the runbooks against the stack that serves at PUBLIC_URL: `make drill`.

Each drill of one does what its runbook says, in the runbook's order, and ends with how the runbook tells that it
worked.
"""

from __future__ import annotations

import sys
import time

import keys
import outbox
import questions
import restore
from api import Failed

DRILLS = {
    "every runbook, its commands": questions.commands,
    "every runbook, its questions to the database": questions.run,
    "docs/runbooks/region-loss.md, the plan": questions.recovery,
    "docs/runbooks/stuck-outbox.md": outbox.run,
    "docs/runbooks/database-restore.md": restore.run,
    "docs/runbooks/leaked-secret.md, the signing key": keys.run,
}

failed = False
for runbook, drill in DRILLS.items():
    started = time.monotonic()
    try:
        drill()
    except Failed as failure:
        failed = True
        print(f"FAILED {runbook}: {failure}", flush=True)
    else:
        print(f"Passed {runbook}, {time.monotonic() - started:.0f} s", flush=True)
sys.exit(failed)
