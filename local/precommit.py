"""Checks what is about to be committed, without a build: format, Python, line lengths, secrets.

Line lengths and secrets are looked for in added lines alone, so that nobody has to mend a file to change it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COLUMNS = 120
# What has lines of its own, or is written by a program.
_ANY_LENGTH = re.compile(
    r"\.(json|lock|svg|csv|tfvars(\.example)?)$|^LICENSE$|^template\.yaml$|package-lock|^docs/mobile/schema\.js$"
    r"|^local/checks/.*\.txt$|^fuzz/corpus/"
)
_ADDRESS = re.compile(r"https?://\S{60,}")
# The same mark as gitleaks', for what only looks like a secret.
_ALLOWED = "gitleaks:allow"
_SECRETS = {
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a GitHub token": re.compile(r"\bgh[opsur]_[A-Za-z0-9]{36}\b|\bgithub_pat_\w{60,}"),
    "a Twilio key": re.compile(r"\b(SK|AC)[0-9a-f]{32}\b"),
    "a Sentry DSN": re.compile(r"https://[0-9a-f]{32}@"),
    "a Slack token": re.compile(r"\bxox[abprs]-[\w-]{20,}"),
    "a signed token": re.compile(r"\beyJ[\w-]{20,}\.eyJ[\w-]{20,}\.[\w-]{40,}"),
    "a password in an address": re.compile(r"\b(postgres|postgresql|redis|amqp)://[^\s:/@{}]+:[^\s:/@{}$<>]{6,}@"),
}


@dataclass(frozen=True)
class Added:
    """A line that the commit adds."""

    file: str
    number: int
    text: str


def added_lines(diff: str) -> Iterator[Added]:
    """The added lines of `git diff --unified=0`."""
    file, number = "", 0
    in_header = False
    for row in diff.splitlines():
        if row.startswith("diff --git "):
            in_header = True
        elif in_header and row.startswith("+++ "):
            file = row.removeprefix("+++ ").removeprefix("b/").rstrip("\t")
        elif hunk := re.match(r"@@ -\S+ \+(\d+)", row):
            number, in_header = int(hunk[1]), False
        elif row.startswith("+") and not in_header:
            yield Added(file, number, row[1:])
            number += 1


def has_any_length(file: str) -> bool:
    """Whether the lines of a file may be of any length."""
    return bool(_ANY_LENGTH.search(file))


def is_too_long(file: str, text: str) -> bool:
    """Whether a line is longer than it may be. A table's row, a string in HCL and a long address can't be broken."""
    is_table_row = file.endswith(".md") and text.lstrip().startswith("|")
    is_hcl = file.endswith((".tf", ".hcl")) and not text.lstrip().startswith("#")
    return len(text) > COLUMNS and not (is_table_row or is_hcl or _ADDRESS.search(text))


def faults(line: Added) -> Iterator[str]:
    """What is wrong with an added line."""
    where = f"{line.file}:{line.number}"
    if is_too_long(line.file, line.text) and not has_any_length(line.file):
        yield f"{where}: {len(line.text)} columns, {COLUMNS} are the most"
    if _ALLOWED not in line.text:
        for name, pattern in _SECRETS.items():
            if pattern.search(line.text):
                yield f"{where}: looks like {name}; if it is none, write `{_ALLOWED}` in that line"


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, check=True).stdout.decode(errors="replace")


def _python(files: list[str]) -> Iterator[str]:
    if not files:
        return
    if ruff := shutil.which("ruff"):
        reply = subprocess.run(
            [ruff, "check", "--quiet", "--output-format", "concise", *files], capture_output=True, text=True
        )
        yield from reply.stdout.splitlines()
        return
    for file in files:
        try:
            compile(_git("show", f":{file}"), file, "exec")
        except SyntaxError as error:
            yield f"{file}:{error.lineno}: {error.msg}"


def _rust(files: list[str]) -> Iterator[str]:
    if files and subprocess.run(["cargo", "fmt", "--all", "--check", "--quiet"], stdout=subprocess.DEVNULL).returncode:
        yield "The Rust code isn't formatted: cargo fmt --all"


def main() -> int:
    changed = ["diff", "--cached", "--diff-filter=ACMR", "--no-ext-diff", "--no-color"]
    files = _git(*changed, "--name-only", "-z").split("\0")[:-1]
    found = [fault for line in added_lines(_git(*changed, "--unified=0")) for fault in faults(line)]
    found += _rust([file for file in files if file.endswith(".rs")])
    found += _python([file for file in files if file.endswith(".py") and Path(file).exists()])
    for fault in found:
        print(fault)
    if found:
        print("Nothing was committed. `git commit --no-verify` commits all the same.")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
