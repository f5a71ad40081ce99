"""The tool's own output: one line a step, one sentence for an error."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

STILL_EVERY_SECONDS = 10.0


class StackError(Exception):
    """Ends the tool with exit code 1; its text is a sentence that says what to do."""


def line(text: str) -> None:
    print(text, flush=True)


class Step:
    """A step under way; `note` is what its line says beside the time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.note = ""


@contextmanager
def step(name: str) -> Iterator[Step]:
    """Prints one line with the time taken when the step has succeeded, and a sign of life while it is long."""
    current = Step(name)
    started = time.monotonic()
    done = threading.Event()

    def report() -> None:
        while not done.wait(STILL_EVERY_SECONDS):
            line(f"  ... {name}: {time.monotonic() - started:.0f} s so far")

    threading.Thread(target=report, daemon=True).start()
    try:
        yield current
    finally:
        done.set()
    note = f" ({current.note})" if current.note else ""
    line(f"{name}{note}: {time.monotonic() - started:.1f} s")


def warn(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
