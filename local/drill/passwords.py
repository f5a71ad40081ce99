"""A new password for the database while nurses work."""

from __future__ import annotations

import secrets
from pathlib import Path

import api
from api import Traffic, need

ROLE = "berthcare_app"


def run() -> None:
    _demand_a_password(first := secrets.token_urlsafe(24))
    # As nobody is connected with it yet: everybody reads the secret anew once.
    api.put_secret("database", api.secret("database") | {"password": first})
    _disconnect()

    with Traffic() as traffic:
        settled = traffic.answered
        api.until("the nurse works with the first password", lambda: traffic.answered > settled + 6, 60)
        second = secrets.token_urlsafe(24)
        # The server first and the secret at once after it: connections that are open stay so.
        api.sql(f"alter role {ROLE} password '{second}'", "postgres")
        api.put_secret("database", api.secret("database") | {"password": second})
        # Now every function has to connect anew, with what it remembers: the old one.
        _disconnect()
        settled = traffic.answered
        api.until("the nurse works with the second password", lambda: traffic.answered > settled + 12, 60)
    traffic.need_none_failed()


def _demand_a_password(password: str) -> None:
    """The local server trusts whoever asks; from here on not this role."""
    api.sql(f"alter role {ROLE} password '{password}'", "postgres")
    file = Path(api.sql("show hba_file", "postgres"))
    rule = f"host all {ROLE} 127.0.0.1/32 scram-sha-256\n"
    text = file.read_text()
    if rule not in text:
        file.write_text(rule + text)
    need(api.sql("select pg_reload_conf()", "postgres") == "t", "the server did not take its settings")


def _disconnect() -> None:
    api.sql(f"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{ROLE}'", "postgres")
