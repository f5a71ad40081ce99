"""Whether each function starts with the variables of its own line in docs/architecture/aws.md, and asks for those.

Each is its real binary, started without any variable of another function; and once more without each of the required
ones, which it then names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lambda_runtime import LambdaRuntime

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "architecture" / "aws.md"
# Not a function's: how any program finds its libraries, and the AWS SDK the emulator.
_OF_EVERYBODY = re.compile(r"^(PATH|HOME|LD_LIBRARY_PATH|AWS_\w+|LOCAL_STATE)$")
_ROW = re.compile(r"^\| `(?P<function>[a-z]+)` \| (?P<required>[^|]*) \| (?P<optional>[^|]*) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Line:
    """A function's line of the table."""

    function: str
    required: tuple[str, ...]
    optional: tuple[str, ...]


def table() -> list[Line]:
    names = re.compile(r"`([A-Z_]+)`")
    rows = _ROW.finditer(DOCUMENT.read_text())
    return [
        Line(row["function"], tuple(names.findall(row["required"])), tuple(names.findall(row["optional"])))
        for row in rows
    ]


def check(address: str) -> int:
    """How many functions don't do as their line says."""
    lines = table()
    folders = {folder.name for folder in (DOCUMENT.parents[2] / "functions").iterdir() if folder.is_dir()}
    found = [f"{name} has no line" for name in sorted(folders - {line.function for line in lines})]
    for line in lines:
        found += _faults(line)
    for fault in found:
        print(f"configuration: {fault}")
    print(f"configuration: {len(lines)} functions start with their own variables alone")
    return len(found)


def _faults(line: Line) -> Iterator[str]:
    ours = {name: os.environ[name] for name in line.required}
    if (said := _start(line.function, ours)) is not None:
        yield f"{line.function} doesn't start with {', '.join(ours)} alone: {said}"
    for left_out in line.required:
        said = _start(line.function, {name: value for name, value in ours.items() if name != left_out})
        if said is None:
            yield f"{line.function} starts without {left_out}, which its line says it requires"
        elif left_out not in said:
            yield f"{line.function} doesn't name {left_out}, which it lacks: {said}"


def _start(function: str, variables: dict[str, str]) -> str | None:
    """What the function says when it ends by itself; none where it starts, and answers an event (which is none)."""
    everybodys = {name: value for name, value in os.environ.items() if _OF_EVERYBODY.match(name)}
    with LambdaRuntime(function, variables=everybodys | variables) as process:
        return process.ended_with()
