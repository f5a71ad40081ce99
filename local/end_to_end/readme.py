"""Runs README's console blocks and compares what they print."""

from __future__ import annotations

import difflib
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The address that README shows; the tests serve at another port.
SHOWN = "http://127.0.0.1:9000"
SECONDS = 60.0

# What differs from run to run, and what stands for it in the comparison. Nothing else may differ.
VARYING = (
    (r"eyJ[\w-]+\.[\w-]+\.[\w-]+", "<access token>"),
    (r'("refresh_token": ?)"[^"]+"', r'\1"<refresh token>"'),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "<time>"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<id>"),
)

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "--- end of one command ---"


def normalize(text: str) -> str:
    """The text without what differs from run to run."""
    for pattern, name in VARYING:
        text = re.sub(pattern, name, text)
    return text


def commands(text: str) -> list[tuple[str, str]]:
    """Each command of the blocks, `$ ` before it and `> ` before its further lines, with what it printed."""
    found: list[tuple[list[str], list[str]]] = []
    for block in _BLOCK.findall(text):
        for row in block.splitlines():
            if row.startswith("$ "):
                found.append(([row[2:]], []))
            elif row.startswith("> ") and not found[-1][1]:
                found[-1][0].append(row[2:])
            else:
                found[-1][1].append(row)
    return [("\n".join(command), "\n".join(output)) for command, output in found]


def check(address: str) -> int:
    """Returns 0 when the output of each command is README's."""
    shown = commands((ROOT / "README.md").read_text())
    if not shown:
        print("README has no console block.")
        return 1
    # One shell for all: a command may use what an earlier one kept.
    script = "".join(f"{command}\necho; echo '{_MARK}'\n" for command, _ in shown)
    reply = subprocess.run(
        ["bash"], input=script.replace(SHOWN, address), capture_output=True, text=True, timeout=SECONDS
    )
    printed = reply.stdout.replace(address, SHOWN).split(_MARK)
    faults = [
        fault
        for (command, expected), actual in zip(shown, printed, strict=False)
        if (fault := _fault(command, expected, actual))
    ]
    for fault in faults:
        print(fault)
    if faults:
        print(f"{len(faults)} of README's {len(shown)} commands had another output. {reply.stderr}")
        return 1
    print(f"README's {len(shown)} commands have the output that it shows.")
    return 0


def _fault(command: str, expected: str, actual: str) -> str:
    lines = [normalize(text).strip().splitlines() for text in (expected, actual)]
    if lines[0] == lines[1]:
        return ""
    difference = difflib.unified_diff(lines[0], lines[1], "README", "printed", lineterm="")
    return "\n".join([f"$ {command}", *difference, ""])
