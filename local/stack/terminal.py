"""What the terminal of `make start` shows: a short line a request, errors in full, messages and calls as blocks.

The functions log one JSON object a line (the Rust module `log`), with CloudWatch's metrics in it; that and everything
else goes to the log file. Here are only functions from text to text, so that they can be tested.
"""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

COLOURS = sys.stdout.isatty() and "NO_COLOR" not in os.environ
_WIDTH = 90
_BOLD, _RED, _YELLOW, _CYAN = "1", "31", "33", "36"
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")

# What cargo, cargo-lambda and the Lambda runtime say at each start, of no use to a reader.
_NOISE = re.compile(
    r"^\s*(Finished `|Running `)"
    # Several cargos share one pipe, so that one's line may be cut by another's.
    r"|waiting for file lock|^\s*Blocking *$|`dev` profile \[|^\s*`\S+/debug/\w+`$"
    r"|ERROR command killed code=ForceStop"
    r"|INFO (starting|spawning|terminating) "
    r"|AWS_LAMBDA_MAX_CONCURRENCY is set"
    # What the runtime says when cargo-lambda replaces a function.
    r"|Lambda Runtime API returned non-200 response\b.*\b500 Internal Server Error"
)
_UNKNOWN_PATH = "the default function route is disabled"
_EXITED = re.compile(r"ERROR command exited code=")

# What every line of the log has, or says in other words.
_COMMON_FIELDS = {"timestamp", "level", "environment", "service", "message", "traceId", "userId", "role"}


def demo_users() -> list[dict[str, Any]]:
    """The users of the demo data, each with its id and fields."""
    file = Path(__file__).resolve().parents[1] / "src" / "demo" / "users.json"
    users: list[dict[str, Any]] = json.loads(file.read_text())
    return users


def plain(text: str) -> str:
    """The text without colours."""
    return _ESCAPE.sub("", text)


def is_noise(text: str) -> bool:
    return bool(_NOISE.search(text))


def is_exit(text: str) -> bool:
    """Whether this is how cargo-lambda reports that a function ended by itself."""
    return bool(_EXITED.search(text))


def log_line(text: str, names: Mapping[str, str], *, colours: bool = COLOURS) -> str | None:
    """What a person sees of a line that cargo-lambda or a function wrote, if anything; `names` are by user id."""
    uncoloured = plain(text)
    if is_noise(uncoloured) or not uncoloured.strip():
        return None
    if is_exit(uncoloured):
        return "A function exited: its error is above. Requests to it wait until the error is corrected and saved."
    if _UNKNOWN_PATH in uncoloured:
        return "404: a request to a path that the API doesn't have."
    entry = _entry(uncoloured)
    if entry is None:
        # The compiler's errors among others, whose colours are of use.
        return text if colours else uncoloured
    if entry["level"] in ("WARN", "ERROR"):
        return _fault(entry, colours)
    if "statusCode" in entry and not (entry["method"] == "EVENT" and entry["statusCode"] < 500):
        return _request(entry, names, colours)
    return None


def _entry(text: str) -> dict[str, Any] | None:
    """The line as the functions log it, also after the beginning of another line."""
    try:
        entry = json.loads(text[max(text.find('{"'), 0) :])
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and "level" in entry else None


def _request(entry: Mapping[str, Any], names: Mapping[str, str], colours: bool) -> str:
    status = entry["statusCode"]
    caller = "Twilio" if entry.get("service") == "webhooks" else "-"
    who = " ".join(filter(None, (entry.get("role"), names.get(entry.get("userId", ""))))) or caller
    colour = _RED if status >= 500 else _YELLOW if status >= 400 else ""
    shown = _paint(str(status), colour, colours)
    line = f"{_time(entry)}  {entry['method']:<6} {entry['path']:<40} {shown} {entry['duration']:>6.0f} ms  {who}"
    return line.rstrip()


def _fault(entry: Mapping[str, Any], colours: bool) -> str:
    """An error or warning with all that the log has of it."""
    level = _paint(entry["level"], _RED if entry["level"] == "ERROR" else _YELLOW, colours)
    details = [
        textwrap.indent(f"{name}: {value}", "          ")
        for name, value in entry.items()
        if name not in _COMMON_FIELDS and name != "_aws"
    ]
    return "\n".join([f"{_time(entry)}  {level} in {entry.get('service')}: {entry.get('message')}", *details])


def _time(entry: Mapping[str, Any]) -> str:
    """Hours, minutes and seconds where the reader is. Python before 3.12 reads six digits of a second at most."""
    written = re.sub(r"(\.\d{6})\d+", r"\1", str(entry.get("timestamp")))
    return datetime.fromisoformat(written).astimezone().strftime("%H:%M:%S")


def block(title: str, text: str = "", command: str = "", *, colours: bool = COLOURS) -> str:
    """A message or call, set off from the requests around it, with the command that answers it."""
    rows = [_paint(title, f"{_BOLD};{_CYAN}", colours)]
    for paragraph in text.splitlines():
        rows += textwrap.wrap(paragraph, _WIDTH) or [""]
    if command:
        rows.append(_paint(command, _BOLD, colours))
    return "\n".join(["", *(f"  ┃ {row}".rstrip() for row in rows), ""])


def _paint(text: str, colour: str, colours: bool) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if colour and colours else text
