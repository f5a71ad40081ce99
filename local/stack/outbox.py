"""Shows what BerthCare would send, so that a developer can read a one-time code."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from postgres import Server

_RECENT = """
    select row_to_json(m) from messages m
    where m.created_at > now() - interval '10 minutes' order by m.created_at
"""


class Outbox:
    """The messages table, of which each row is shown once."""

    def __init__(self, server: Server) -> None:
        self._command = [server.psql, server.url("berthcare"), "-XAtqc", _RECENT]
        self._seen: set[str] = set()
        self.fresh()

    def fresh(self) -> list[str]:
        """One line for each message written since the last look."""
        reply = subprocess.run(self._command, capture_output=True, text=True)
        rows: list[dict[str, Any]] = [json.loads(text) for text in reply.stdout.splitlines()]
        new = [row for row in rows if row["id"] not in self._seen]
        self._seen |= {row["id"] for row in new}
        return [_shown(row) for row in new]


def _shown(row: dict[str, Any]) -> str:
    said = ", ".join(f"{name} {value}" for name, value in row["template_values"].items())
    return f"{row['channel'].upper()} to {row['recipient']} ({row['template']}): {said}"
