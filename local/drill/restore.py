"""A database that comes back as it was an hour ago: phones pull afresh, and what they hold beyond it is not lost."""

from __future__ import annotations

import subprocess
import tempfile
import urllib.parse
from pathlib import Path

import api
from api import need

RESTORED = "berthcare_restored"
LOST = "berthcare_before_restore"
SHIFT = 40


def run() -> None:
    nurse = api.sign_in()
    # Twice: what a first pull brings, a phone acknowledges with the second.
    before = api.pull(nurse, api.pull(nurse, 0)["timestamp"])
    with tempfile.TemporaryDirectory() as folder:
        dump = Path(folder) / "berthcare.dump"
        _program("pg_dump", "--format=custom", f"--file={dump}", _url(api.DATABASE))

        # An hour's work, which the restore takes away.
        visit = api.sql("select id from visits where status = 'scheduled' order by scheduled_start desc limit 1")
        coordinator = api.sign_in("coordinator")
        status, answer = api.ask("POST", f"/visits/{visit}/cancel", coordinator, {"reason": "Drill"})
        need(status == 200, f"the visit could not be cancelled: {status} {answer}")
        ahead = api.pull(nurse, before["timestamp"])["timestamp"]

        api.sql(f"drop database if exists {RESTORED}", "postgres")
        api.sql(f"create database {RESTORED} owner berthcare_migrate", "postgres")
        _program("pg_restore", "--exit-on-error", "--no-comments", f"--dbname={_url(RESTORED)}", str(dump))

    # Before anybody may see it.
    api.sql("update agency_counters set epoch = epoch + 1", RESTORED)
    _swap()

    api.until("the API answers from the restored database", lambda: api.ask("GET", "/auth/me", nurse)[0] == 200, 60)
    status, answer = api.ask("GET", f"/visits/{visit}", api.sign_in("coordinator"))
    need(answer["status"] == "scheduled", f"the visit is {answer['status']}: this is not the restored database")

    # The phone presents a cursor of the lost time: it may send what it has, then gets everything anew.
    cursor, replaced = ahead, False
    for _ in range(4):
        answer = api.pull(nurse, cursor)
        replaced = replaced or answer.get("experimentalStrategy") == "replacement"
        cursor = answer["timestamp"]
        if replaced and any(table["created"] or table["updated"] for table in answer["changes"].values()):
            break
    need(replaced, "the phone was not told to replace what it holds")
    need(cursor >> SHIFT == (ahead >> SHIFT) + 1, f"the cursor {cursor} is not of the raised epoch")
    held = {row["id"] for kind in ("created", "updated") for row in answer["changes"]["clients"][kind]}
    need(bool(held), "the phone got no clients")


def _swap() -> None:
    """The restored one takes the name, as in AWS the restored instance does."""
    for old, new in ((api.DATABASE, LOST), (RESTORED, api.DATABASE)):
        api.sql(f"alter database {old} with allow_connections false", "postgres")
        api.sql(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{old}'", "postgres")
        api.sql(f"alter database {old} rename to {new}", "postgres")
    api.sql(f"alter database {api.DATABASE} with allow_connections true", "postgres")


def _url(database: str) -> str:
    return urllib.parse.urlsplit(api.ADMIN)._replace(path=f"/{database}").geturl()


def _program(name: str, *arguments: str) -> None:
    reply = subprocess.run([api.binaries() / name, *arguments], capture_output=True, text=True)
    need(reply.returncode == 0, f"{name}: {reply.stderr}")
