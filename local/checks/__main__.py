"""What can be known of the deployment without deploying it: `make check` runs this.

`python local/checks` with local/.venv-checks' python; checkov has a virtual environment of its own, given as argument.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import border
import delivery
import handlers
import metrics
import mutations
import routes
import runbooks
import sql
import template
import workflows

import terraform

checkov = Path(sys.argv[1])
failed = False
for name, check in (
    ("routes", routes.faults),
    ("the border between terraform and template.yaml", border.faults),
    ("what CloudFormation's role may do", handlers.faults),
    ("alarms and dashboards", metrics.faults),
    ("the delivery, against stand-ins", delivery.faults),
    ("workflows", workflows.faults),
    ("the runbooks' commands", runbooks.faults),
    ("the schema's SQL", sql.faults),
    ("that these notice what is wrong, and the comparison of calls and roles too", mutations.faults),
    ("template.yaml", template.lint),
    ("terraform", terraform.faults),
    ("checkov", lambda: terraform.checkov(checkov)),
):
    started = time.monotonic()
    found = check()
    print(f"{'Failed' if found else 'Passed'}: {name}, {time.monotonic() - started:.0f} s", flush=True)
    for fault in found:
        print(fault, flush=True)
    failed = failed or bool(found)
sys.exit(failed)
