"""A private PostgreSQL cluster, or the server that DATABASE_URL names."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import tools
from accounts import home_of, reaches, server_account
from console import StackError, step, warn
from folders import VENV, State
from processes import Account, Child, Processes

OLDEST = 15
# PostgreSQL as a wheel, for machines that have none.
WHEEL = "pgserver==0.1.4"
START_SECONDS = 30.0


@dataclass(frozen=True)
class Server:
    """A running server, and psql to look into it."""

    superuser_url: str
    psql: str

    def url(self, database: str) -> str:
        """The superuser's URL of a database."""
        return urlsplit(self.superuser_url)._replace(path=f"/{database}").geturl()

    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.superuser_url)
        return parts.hostname or "127.0.0.1", parts.port or 5432


def start(processes: Processes, state: State, *, persistent: bool) -> Server:
    if given := os.environ.get("DATABASE_URL"):
        return _given(given)
    binaries = _binaries(processes)
    account = server_account()
    home = home_of(account, state)
    binaries = _reachable(account, binaries, home)
    with step("Starting PostgreSQL") as current:
        data = home / "postgres"
        if not (data / "PG_VERSION").exists():
            _create(processes, state, binaries, data, account, persistent=persistent)
        port = state.port("postgres")
        child = processes.start(
            "PostgreSQL",
            [binaries / "postgres", "-D", data, "-p", str(port)],
            log=state.logs / "postgres.log",
            account=account,
            cwd=data,
            # Fast shutdown: it does not wait for clients.
            stop_with=signal.SIGINT,
        )
        _wait(child, data)
        current.note = f"{_version(binaries)[1]}, port {port}"
    return Server(f"postgres://postgres@127.0.0.1:{port}/postgres", str(binaries / "psql"))


def _given(url: str) -> Server:
    psql = shutil.which("psql")
    if psql is None:
        raise StackError(
            "DATABASE_URL is set but psql is missing: install your system's PostgreSQL client and try again."
        )
    with step("Using the PostgreSQL of DATABASE_URL"):
        reply = subprocess.run(
            [psql, url, "-Atqc", "select rolsuper from pg_roles where rolname = current_user"],
            capture_output=True,
            text=True,
            env=dict(os.environ) | {"PGCONNECT_TIMEOUT": "5"},
        )
        if reply.stdout.strip() != "t":
            warn(reply.stderr.strip())
            raise StackError("DATABASE_URL must name a superuser of a running PostgreSQL: correct it or unset it.")
    return Server(url, psql)


def _version(binaries: Path) -> tuple[int, str]:
    """Major and full version, such as 15 and `15.8`; 0 where there is no server."""
    try:
        text = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0, ""
    full = text.split()[2]
    return int("".join(mark for mark in full.split(".")[0] if mark.isdigit())), full


def _candidates() -> list[Path]:
    found: list[Path] = []
    if config := shutil.which("pg_config"):
        found.append(Path(subprocess.run([config, "--bindir"], capture_output=True, text=True).stdout.strip()))
    # Debian's, then Homebrew's on either kind of Mac.
    for pattern in (
        "usr/lib/postgresql/*/bin",
        "opt/homebrew/opt/postgresql@*/bin",
        "usr/local/opt/postgresql@*/bin",
    ):
        found += sorted(Path("/").glob(pattern), reverse=True)
    return found


def _binaries(processes: Processes) -> Path:
    for folder in _candidates():
        if _version(folder)[0] >= OLDEST and (folder / "initdb").exists() and (folder / "psql").exists():
            return folder
    wheel = "lib/python*/site-packages/pgserver/pginstall/bin"
    if not list(VENV.glob(wheel)):
        with step(f"Installing PostgreSQL from the wheel {WHEEL}"):
            tools.pip(processes, WHEEL)
    return next(VENV.glob(wheel))


def _reachable(account: Account | None, binaries: Path, home: Path) -> Path:
    """The wheel may lie below a folder that only root can enter."""
    if reaches(account, binaries):
        return binaries
    site = binaries.parents[2]
    folder = home / "program"
    # The programs find their libraries beside the package.
    for name in ("pgserver", "pgserver.libs"):
        if (site / name).exists() and not (folder / name).exists():
            shutil.copytree(site / name, folder / name, symlinks=True)
    return folder / binaries.relative_to(site)


def _locale() -> str:
    """One that knows accents; C.UTF-8 sorts alike everywhere, macOS lacks it."""
    known = subprocess.run(["locale", "-a"], capture_output=True, text=True).stdout.lower().replace("-", "").split()
    return next((name for name in ("C.UTF-8", "en_US.UTF-8") if name.lower().replace("-", "") in known), "C")


def _create(
    processes: Processes, state: State, binaries: Path, data: Path, account: Account | None, *, persistent: bool
) -> None:
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700)
    if account:
        os.chown(data, account.uid, account.gid)
    processes.run(
        "initdb",
        [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
         f"--locale={_locale()}", "--no-sync", "--no-instructions"],
        log=state.logs / "initdb.log",
        account=account,
        cwd=data,
        error="PostgreSQL's data folder could not be created: the reason is above.",
    )  # fmt: skip
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": 300,
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    if not persistent:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    with (data / "postgresql.conf").open("a") as conf:
        for name, value in settings.items():
            conf.write(f"{name} = '{value}'\n")


def _wait(child: Child, data: Path) -> None:
    """The server writes `ready` into its pid file when it takes connections."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and child.exit_code() is None:
        try:
            lines = (data / "postmaster.pid").read_text().splitlines()
        except OSError:
            lines = []
        if len(lines) > 7 and lines[0] == str(child.process.pid) and lines[7].strip() == "ready":
            return
        time.sleep(0.02)
    raise child.failure(
        "PostgreSQL did not start: the reason is above; `make reset` deletes the data for a fresh start."
    )
