"""Who runs the servers that refuse to run as root, and where that user can reach their files."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from console import StackError
from folders import State, fallback_folder
from processes import Account


def server_account() -> Account | None:
    """The system user for PostgreSQL and PgBouncer; none where we are an ordinary user ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise StackError("PostgreSQL does not run as root and there is no user `nobody`: run this as an ordinary user.")


def reaches(account: Account | None, path: Path) -> bool:
    """Whether the account can enter this folder and those above it."""
    if account is None:
        return True
    return all(folder.stat().st_uid == account.uid or folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def home_of(account: Account | None, state: State) -> Path:
    """The folder for the account's files: the state's own where it can be reached."""
    if reaches(account, state.folder):
        return state.folder
    folder = fallback_folder(state.folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
