"""The runbooks' questions in SQL, asked of a real database: each names tables and columns that there are.

Each block runs in a transaction that is rolled back, with the ids of something that exists in the place of the
runbook's words.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import api
from api import Failed, need

sys.path.append(str(Path(__file__).parents[1] / "checks"))
import regions  # noqa: E402
import runbooks  # noqa: E402

# What a runbook has somebody put in, and where the drill finds one.
_WORDS = {
    r"'DEVICE'": "(select id from devices limit 1)",
    r"\bPID\b": "0",
}
# What ends a connection or counts may find nobody; all else only has to be understood.
LEAST = 4


def run() -> None:
    asked = 0
    for file in sorted(runbooks.FOLDER.glob("*.md")):
        for block in runbooks.blocks(file.read_text(), runbooks.SQL):
            for word, value in _WORDS.items():
                block = re.sub(word, value, block)
            try:
                api.sql(f"begin; {block}; rollback")
            except Failed as fault:
                raise Failed(f"{file.name}: {fault}") from fault
            asked += 1
    need(asked >= LEAST, f"the runbooks ask {asked} questions, fewer than there were")


def commands() -> None:
    """Every command, against stand-ins: as `make check` does."""
    faults = runbooks.faults()
    need(not faults, "\n".join(faults))


def recovery() -> None:
    """The recovery region, planned beside the living one, where there is a Terraform."""
    faults = regions.faults()
    need(not faults, "\n".join(faults))
