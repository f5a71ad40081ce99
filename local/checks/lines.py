"""Lines end at 120 columns, in every file that git tracks, as the pre-commit hook asks of what a commit adds.

What a document quotes in a fence (a command, what it printed) may be longer.
"""

from __future__ import annotations

import subprocess
import sys

from template import ROOT

sys.path.insert(0, str(ROOT / "local"))

import precommit  # noqa: E402


def faults() -> list[str]:
    found = []
    for name in subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")[:-1]:
        path = ROOT / name
        if precommit.has_any_length(name) or not path.is_file():
            continue
        try:
            rows = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        is_quoted = False
        for number, row in enumerate(rows, 1):
            is_quoted ^= name.endswith(".md") and row.lstrip().startswith("```")
            if not is_quoted and precommit.is_too_long(name, row):
                found.append(f"{name}:{number}: {len(row)} columns, {precommit.COLUMNS} are the most")
    return found
