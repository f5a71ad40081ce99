"""Every command of every runbook runs here, against stand-ins: each block of shell, in its order, as whoever follows
it would.

They are first needed on a bad night, and most of them can't be tried without an account. What is SQL, `make drill`
asks of a
real database (local/drill/questions.py). A command in a sentence, which nothing runs, is a fault.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import standins
from template import ROOT

FOLDER = ROOT / "docs" / "runbooks"
SHELL = re.compile(r"^( *)```sh\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
SQL = re.compile(r"^( *)```sql\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
# What a sentence names as something to run, outside of a block.
_IN_A_SENTENCE = re.compile(r"`((?:aws|gh|psql|terraform|kubectl|curl|git|jq) [^`]+)`")
# Words that stand for what an earlier answer showed.
_PLACEHOLDERS = {"...": "x"}


def faults() -> list[str]:
    return list(found())


def found() -> Iterator[str]:
    """The faults, one after another."""
    if missing := [name for name in ("bash", "curl", "jq", "openssl") if not shutil.which(name)]:
        print(f"The runbooks' commands were NOT run: {', '.join(missing)} is missing here.")
        return
    for file in sorted(FOLDER.glob("*.md")):
        text = file.read_text()
        for link in re.findall(r"\]\(([\w-]+\.md)(?:#[\w-]+)?\)", text):
            if not (FOLDER / link).exists():
                yield f"{file.name} leads to {link}, which isn't there"
        prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
        yield from (f"{file.name}: no drill runs `{command}`" for command in _IN_A_SENTENCE.findall(prose))
        yield from (f"{file.name}: {fault}" for fault in _run(file))


def blocks(text: str, kind: re.Pattern[str]) -> list[str]:
    """The blocks of one kind, without the indentation of the step that each belongs to."""
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in kind.findall(text)]


def _run(file: Path) -> list[str]:
    """Runs a runbook's commands, after those that README has come before any of them."""
    first = blocks((FOLDER / "README.md").read_text(), SHELL)[0]
    own = blocks(file.read_text(), SHELL)
    script = "\n".join(["set -euo pipefail", first, *(own if file.name != "README.md" else own[1:])])
    for word, value in _PLACEHOLDERS.items():
        script = script.replace(word, value)
    with tempfile.TemporaryDirectory() as folder, standins.serving(Path(folder)) as (env, noted):
        copy = Path(folder)
        for name in ("delivery", "terraform", "docs"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns(".terraform"))
        shutil.copy(ROOT / "template.yaml", copy / "template.yaml")
        env |= {"HOME": folder, "EDITOR": "true", "REAL_CURL": shutil.which("curl") or "curl"}
        env["PATH"] += os.pathsep + os.environ["PATH"]
        reply = subprocess.run(["bash", "-c", script], cwd=copy, env=env, capture_output=True, text=True)
        if reply.returncode and not noted:
            noted.append(f"ended with {reply.returncode}: {reply.stderr[-600:]}")
        return noted
