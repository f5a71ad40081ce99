"""Where the stack keeps what it needs between runs, and who may use that at one time."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from console import StackError
from processes import stop_leftovers

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / "local" / ".state"
VENV = ROOT / "local" / ".venv"
ENVIRONMENT = "environment.json"

_PERSISTENT = STATE / "dev"


class State:
    """The folder of one stack: its database, logs, keys, and the ports it likes to have again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)

    def port(self, name: str) -> int:
        """The port that `name` had last time, or a free one."""
        file = self.folder / "ports.json"
        try:
            ports: dict[str, int] = json.loads(file.read_text())
        except (OSError, ValueError):
            ports = {}
        if name not in ports or not is_free(ports[name]):
            ports[name] = free_port()
            file.write_text(json.dumps(ports))
        return ports[name]


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do, so that a port whose last connections linger counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the folder's lock; the system lets go of it however the process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError("The local stack runs already: stop it first, by Ctrl-C in its terminal.") from None
        yield


@contextmanager
def persistent_state() -> Iterator[State]:
    """What `make start` keeps."""
    with _locked(_PERSISTENT):
        yield State(_PERSISTENT)


def is_running() -> bool:
    """Whether `make start` runs."""
    try:
        with _locked(_PERSISTENT):
            return False
    except StackError:
        return True


def running_environment() -> dict[str, str]:
    """The environment of the stack that runs."""
    env: dict[str, str] = json.loads((_PERSISTENT / ENVIRONMENT).read_text())
    return env


@contextmanager
def temporary_state() -> Iterator[State]:
    """A fresh folder for one command, removed afterwards; those that a killed run left are removed first."""
    STATE.mkdir(parents=True, exist_ok=True)
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix="once-", dir=STATE))
    folder.chmod(0o755)
    with _locked(folder):
        try:
            yield State(folder)
        finally:
            _remove(folder)


def _sweep() -> None:
    for old in STATE.glob("once-*"):
        try:
            with _locked(old):
                _remove(old)
        except StackError:
            # Another command is using it.
            continue


def reset() -> None:
    """Removes what `make start` keeps, unless it runs."""
    with _locked(_PERSISTENT):
        _remove(_PERSISTENT)
    _sweep()


def fallback_folder(folder: Path) -> Path:
    """Where root's database goes when the user it runs as cannot reach `folder`, as below /root."""
    return Path("/var/lib/berthcare-local") / hashlib.sha256(str(folder).encode()).hexdigest()[:12]


def _remove(folder: Path) -> None:
    stop_leftovers(folder)
    shutil.rmtree(fallback_folder(folder), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
