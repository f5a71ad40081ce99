"""The processes a stack starts, so that it can stop every one of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import signals
from console import StackError, warn

RECORD = "processes.jsonl"


@dataclass(frozen=True)
class Account:
    """A system user that a process runs as."""

    name: str
    uid: int
    gid: int


def descendants(pid: int) -> list[int]:
    """Every process below `pid`, whatever group or session it has moved itself to."""
    table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children: dict[int, list[int]] = {}
    for row in table.splitlines():
        child, parent = (int(field) for field in row.split())
        children.setdefault(parent, []).append(child)
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _living(pids: Sequence[int]) -> list[int]:
    """Those that still run; a dead one that nobody has reaped doesn't."""
    if not pids:
        return []
    numbers = ",".join(map(str, pids))
    table = subprocess.run(["ps", "-o", "pid=,stat=", "-p", numbers], capture_output=True, text=True).stdout
    rows = [row.split() for row in table.splitlines()]
    return [int(pid) for pid, state in rows if not state.startswith("Z")]


def _command(pid: int) -> str:
    """The command line of a process, which tells it from a later one of the same number; empty where there is none."""
    return subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()


def stop_leftovers(folder: Path) -> None:
    """Stops what a run with this folder started and, being killed, could not stop."""
    record = folder / RECORD
    if not record.exists():
        return
    for entry in map(json.loads, reversed(record.read_text().splitlines())):
        below = descendants(entry["pid"])
        if _command(entry["pid"]) == entry["command"]:
            _signal([entry["pid"]], signal.Signals(entry["stop_with"]))
            _end([entry["pid"], *below])
    record.unlink()


def _end(pids: Sequence[int], timeout: float = 5.0) -> None:
    """Waits for processes to go, and kills those that don't."""
    end = time.monotonic() + timeout
    while (left := _living(pids)) and time.monotonic() < end:
        time.sleep(0.05)
    _signal(left, signal.SIGKILL)


class Child:
    """One started process."""

    def __init__(
        self, name: str, process: subprocess.Popen[bytes], stop_with: signal.Signals, log: Path | None
    ) -> None:
        self.name = name
        self.process = process
        self.stop_with = stop_with
        self.log = log

    def exit_code(self) -> int | None:
        return self.process.poll()

    def stop(self, timeout: float = 10.0) -> None:
        below = descendants(self.process.pid) if self.process.poll() is None else []
        _signal([self.process.pid] if self.process.poll() is None else [], self.stop_with)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            warn(f"{self.name} did not stop within {timeout:.0f} s and is killed.")
            self.process.kill()
            self.process.wait()
        # A child's children may outlive it: functions under cargo-lambda do.
        _signal(below, signal.SIGTERM)
        _end(below)

    def failure(self, text: str) -> StackError:
        """Shows the end of the child's log, which may be removed soon, and returns the error to raise."""
        if self.log and self.log.exists():
            warn("\n".join(self.log.read_text(errors="replace").splitlines()[-20:]))
        return StackError(text)


class Processes:
    """All children of this run, stopped in reverse order; a record in `folder` outlives a run that is killed."""

    def __init__(self, folder: Path) -> None:
        stop_leftovers(folder)
        self._record = folder / RECORD
        self._children: list[Child] = []

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path | None = None,
        env: Mapping[str, str] | None = None,
        account: Account | None = None,
        cwd: Path | None = None,
        stop_with: signal.Signals = signal.SIGTERM,
        output: IO[bytes] | int | None = None,
    ) -> Child:
        """Starts a process in a session of its own, so that a Ctrl-C at the terminal reaches only this tool."""
        opened = log.open("wb") if log else None
        try:
            process: subprocess.Popen[bytes] = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=opened or output,
                stderr=subprocess.STDOUT if (opened or output) else None,
                env=None if env is None else dict(env),
                cwd=cwd,
                start_new_session=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        finally:
            if opened:
                opened.close()
        child = Child(name, process, stop_with, log)
        self._adopt(child)
        return child

    def _adopt(self, child: Child) -> None:
        self._children.append(child)
        pid = child.process.pid
        with self._record.open("a") as record:
            print(json.dumps({"pid": pid, "command": _command(pid), "stop_with": child.stop_with}), file=record)

    def run(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        account: Account | None = None,
        cwd: Path | None = None,
        log: Path | None = None,
        error: str,
    ) -> None:
        """Runs a process to its end; when it fails, its log is shown and `error` says what to do."""
        child = self.start(name, command, env=env, account=account, cwd=cwd, log=log)
        code = child.process.wait()
        self._children.remove(child)
        if code != 0:
            raise child.failure(error)

    def run_foreground(self, command: Sequence[str], env: Mapping[str, str]) -> int:
        """Runs the user's command at their terminal, in this tool's own process group, and returns its exit code."""
        try:
            process: subprocess.Popen[bytes] = subprocess.Popen(command, env=dict(env))
        except OSError as fault:
            raise StackError(f"{command[0]} cannot be run: {fault.strerror}.") from fault
        child = Child(command[0], process, signal.SIGTERM, None)
        self._adopt(child)
        code = process.wait()
        self._children.remove(child)
        # A shell's number for a command that a signal ended.
        return code if code >= 0 else 128 - code

    def ended(self) -> Child | None:
        """A child that should be running and is not."""
        return next((child for child in self._children if child.exit_code() is not None), None)

    def stop_all(self) -> None:
        signals.ignore()
        while self._children:
            self._children.pop().stop()
        self._record.unlink(missing_ok=True)
