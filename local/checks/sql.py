"""The schema's SQL: squawk looks for what would stop a running service, pgrls for policies that let too much through.

Both read the files; neither needs a database. What pgrls can only know of a database (indexes, triggers, definer
functions) the tests ask of `pg_catalog`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from template import ROOT

SCHEMA = ROOT / "shared" / "schema"
# squawk's rules that don't hold here, each with its reason.
EXCLUDED = {
    "require-lock-timeout": "`migrate` sets it, for each file",
    "require-statement-timeout": "`migrate` is a function, and ends after its time",
    "prefer-bigint-over-int": "counts of small things: attempts, versions, a level",
    "prefer-bigint-over-smallint": "the same",
}
# Policies that show all rows, to roles that are nobody's who calls: pgrls asks of each policy that it looks at its
# rows.
WHOLE_TABLES = {
    "definer_functions": "the owner, as whom definer functions and migrations run",
    "backup_reads_all": "a copy must be whole",
    "reports_read_all": "reports are about all agencies; it reads, and never password hashes",
}
_ROW_RULES = {"SEC005", "SEC006", "SEC008"}


def faults() -> list[str]:
    files = [file for folder in ("tables", "code", "policies") for file in sorted((SCHEMA / folder).glob("*.sql"))]
    return [*_squawk(files), *_pgrls(files)]


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    return subprocess.run(command, cwd=SCHEMA, capture_output=True, text=True)


def _squawk(files: list[Path]) -> list[str]:
    options = ["--pg-version", "15", "--assume-in-transaction", "--reporter", "gcc"]
    reply = _run("squawk", *options, *(f"--exclude={rule}" for rule in EXCLUDED), *map(str, files))
    return reply.stdout.splitlines() if reply.returncode == 1 else [reply.stderr] if reply.returncode else []


def _pgrls(files: list[Path]) -> list[str]:
    sources = [argument for file in files for argument in ("--sql-file", str(file))]
    reply = _run("pgrls", "lint", *sources, "--schemas", "public,app", "--format", "json")
    if not reply.stdout:
        return [reply.stderr]
    return [
        f"{fault['location']}: {fault['rule_id']} {fault['message']}"
        for fault in json.loads(reply.stdout)["violations"]
        if fault["severity"] != "info" and not _is_whole_on_purpose(fault)
    ]


def _is_whole_on_purpose(fault: dict[str, str]) -> bool:
    return fault["rule_id"] in _ROW_RULES and fault["location"].rsplit(".", 1)[-1] in WHOLE_TABLES
