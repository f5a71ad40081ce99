"""What can be known of the deployment without deploying it: `make check` runs this.

`python local/checks` with local/.venv-checks' python; checkov has a virtual environment of its own, given as argument.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import border
import delivery
import handlers
import lines
import metrics
import mutations
import policies
import provenance
import regions
import release
import routes
import runbooks
import security
import sql
import supply_chain
import template
import terraform
import workflows

checkov = Path(sys.argv[1])

# In this process, one after another.
OURS: list[tuple[str, Callable[[], list[str]]]] = [
    ("routes", routes.faults),
    ("the border between terraform and template.yaml", border.faults),
    ("policies and what else AWS would refuse of terraform", policies.faults),
    ("the release, its canary and its alarms", release.faults),
    ("what CloudFormation's role may do", handlers.faults),
    ("alarms and dashboards", metrics.faults),
    ("the delivery, against stand-ins", delivery.faults),
    ("provenance and approval of a release", provenance.faults),
    ("workflows", workflows.faults),
    ("where what is shipped comes from", supply_chain.faults),
    ("what docs/security.md says", security.faults),
    ("the runbooks' commands", runbooks.faults),
    ("the schema's SQL", sql.faults),
    ("line lengths", lines.faults),
]
# Other programs, beside each other.
OTHERS: list[tuple[str, Callable[[], list[str]]]] = [
    ("that these notice what is wrong, and the comparison of calls and roles too", mutations.faults),
    ("terraform", terraform.faults),
    ("the recovery region beside the living one", regions.faults),
    ("checkov", lambda: terraform.checkov(checkov)),
    ("template.yaml", template.lint),
]


def _timed(named: tuple[str, Callable[[], list[str]]]) -> bool:
    name, check = named
    started = time.monotonic()
    found = check()
    told = [f"{'Failed' if found else 'Passed'}: {name}, {time.monotonic() - started:.0f} s", *found]
    print("\n".join(told), flush=True)
    return not found


passed = [_timed(check) for check in OURS]
with ThreadPoolExecutor(max_workers=2) as pool:
    passed += pool.map(_timed, OTHERS)
sys.exit(not all(passed))
