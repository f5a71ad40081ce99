"""PgBouncer in transaction mode in front of PostgreSQL, as RDS Proxy stands in front of ours."""

from __future__ import annotations

import os
import shutil
import time

from accounts import home_of, server_account
from console import StackError, step
from folders import State, is_free
from postgres import Server
from processes import Processes

START_SECONDS = 10.0

# Any database, since each test makes its own. Connections that nobody uses go soon, or PostgreSQL's run out.
_SETTINGS = """
[databases]
* = host={host} port={database_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
pool_mode = transaction
auth_type = trust
auth_file = {users}
max_client_conn = 500
default_pool_size = 8
server_idle_timeout = 2
server_lifetime = 60
"""

_FUNCTIONS = ("app", "auth", "health", "jobs", "migrate", "photos", "privacy", "webhooks")
_ROLES = (*(f"berthcare_{name}" for name in (*_FUNCTIONS, "readonly", "backup")), "postgres")


def start(processes: Processes, state: State, server: Server) -> str:
    """Starts the pooler and returns its URL, without user and database."""
    program = _find(processes, state)
    with step("Starting PgBouncer") as current:
        port = state.port("pooler")
        host, database_port = server.address()
        account = server_account()
        home = home_of(account, state)
        # Trust wants to know the roles all the same.
        users = home / "pooler-users.txt"
        users.write_text("".join(f'"{role}" ""\n' for role in _ROLES))
        settings = home / "pooler.ini"
        settings.write_text(_SETTINGS.format(host=host, database_port=database_port, port=port, users=users))
        child = processes.start(
            "PgBouncer", [program, settings], log=state.logs / "pooler.log", account=account, cwd=home
        )
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and child.exit_code() is None:
            if not is_free(port):
                current.note = f"transaction mode, port {port}"
                return f"postgres://127.0.0.1:{port}"
            time.sleep(0.05)
        raise child.failure("PgBouncer did not start: the reason is above.")


def _find(processes: Processes, state: State) -> str:
    # Debian puts it where an ordinary user's PATH does not look.
    where = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin"
    if shutil.which("pgbouncer", path=where) is None and os.geteuid() == 0 and shutil.which("apt-get"):
        with step("Installing PgBouncer"):
            for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "pgbouncer"]):
                processes.run(
                    "apt-get",
                    command,
                    log=state.logs / "apt-get.log",
                    env=dict(os.environ) | {"DEBIAN_FRONTEND": "noninteractive"},
                    error="PgBouncer could not be installed: install it with your system's packages and try again.",
                )
    if program := shutil.which("pgbouncer", path=where):
        return program
    raise StackError("PgBouncer is missing: install your system's package `pgbouncer` and try again.")
