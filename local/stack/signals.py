"""The signals that ask this tool to end."""

from __future__ import annotations

import signal
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Terminated(BaseException):
    """Raised wherever the tool is when such a signal arrives, so that everything is stopped on the way out."""

    def __init__(self, number: int) -> None:
        self.number = number


def listen() -> None:
    for each in _SIGNALS:
        signal.signal(each, _raise)


def ignore() -> None:
    """For the way out: a second Ctrl-C must not leave half of it."""
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)


def _raise(number: int, frame: FrameType | None) -> None:
    ignore()
    raise Terminated(number)
