"""The stack, as a drill needs it: requests as a nurse, SQL as an administrator, secrets."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3

ADDRESS = os.environ["PUBLIC_URL"]
ADMIN = os.environ["DATABASE_ADMIN_URL"]
ENVIRONMENT = os.environ["BERTHCARE_ENV"]
DATABASE = "berthcare"


class Failed(Exception):
    """What the drill found instead of what the runbook promises."""


def need(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Failed(otherwise)


def ask(method: str, path: str, token: str | None = None, body: object = None) -> tuple[int, Any]:
    """Status and JSON of one request; 0 where nothing answered."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{ADDRESS}/v1{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as answer:
        return answer.code, json.loads(answer.read() or b"null")
    except OSError as fault:
        return 0, str(fault)


def sign_in(name: str = "nurse") -> str:
    device = {"id": str(uuid.uuid4()), "name": "drill", "platform": "ios", "app_version": "1.0.0"}
    body = {"email": f"{name}@demo.berthcare.ca", "password": "berthcare-demo", "device": device}
    status, answer = ask("POST", "/auth/login", body=body)
    need(status == 200, f"the sign-in was answered {status}: {answer}")
    return str(answer["access_token"])


def key_of(token: str) -> str:
    """The id of the key that signed a token."""
    head = token.split(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])


def pull(token: str, cursor: int) -> dict[str, Any]:
    query = urllib.parse.urlencode({"last_pulled_at": cursor, "schema_version": 1, "pending": 0})
    status, answer = ask("GET", f"/sync?{query}", token)
    need(status == 200, f"the pull was answered {status}: {answer}")
    return dict(answer)


def sql(statement: str, database: str = DATABASE) -> str:
    """The answer of psql, as the server's administrator."""
    psql = shutil.which("psql") or str(binaries() / "psql")
    url = urllib.parse.urlsplit(ADMIN)._replace(path=f"/{database}").geturl()
    command = [psql, url, "-v", "ON_ERROR_STOP=1", "-Atqc", statement]
    reply = subprocess.run(command, capture_output=True, text=True)
    need(reply.returncode == 0, f"{statement}: {reply.stderr}")
    return reply.stdout.strip()


def binaries() -> Path:
    """Where the server's own programs are, such as pg_dump of its version."""
    found = [Path(folder) for folder in sorted(map(str, Path("/").glob("usr/lib/postgresql/*/bin")), reverse=True)]
    if config := shutil.which("pg_config"):
        found.insert(0, Path(subprocess.run([config, "--bindir"], capture_output=True, text=True).stdout.strip()))
    found += list((Path(__file__).parents[1] / ".venv").glob("lib/python*/site-packages/pgserver/pginstall/bin"))
    for folder in found:
        if (folder / "pg_dump").exists() and (folder / "pg_restore").exists():
            return folder
    raise Failed("pg_dump and pg_restore are missing: install PostgreSQL's client programs")


def secret(name: str) -> Any:
    return json.loads(_secrets().get_secret_value(SecretId=f"{ENVIRONMENT}/{name}")["SecretString"])


def put_secret(name: str, value: object) -> None:
    _secrets().put_secret_value(SecretId=f"{ENVIRONMENT}/{name}", SecretString=json.dumps(value))


def _secrets() -> Any:
    return boto3.client("secretsmanager", region_name=os.environ["AWS_REGION"])


def until(what: str, holds: Callable[[], bool], seconds: float, every: float = 0.5) -> None:
    """Waits for a fact, and looks for it now and then."""
    end = time.monotonic() + seconds
    while not holds():
        need(time.monotonic() < end, f"waited {seconds:.0f} s in vain until {what}")
        time.sleep(every)


class Traffic:
    """A nurse who goes on working meanwhile, one request after another; none may fail."""

    def __init__(self) -> None:
        self._token = sign_in()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.answered = 0
        self.failures: list[str] = []

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=60)

    def _work(self) -> None:
        while not self._stop.is_set():
            for path in ("/auth/me", "/clients?limit=5", "/visits?limit=5"):
                status, answer = ask("GET", path, self._token)
                self.answered += 1
                if status != 200:
                    self.failures.append(f"GET {path} was answered {status}: {answer}")
            self._stop.wait(0.1)

    def need_none_failed(self) -> None:
        need(self.answered > 0, "the nurse asked for nothing meanwhile")
        need(not self.failures, f"{len(self.failures)} of {self.answered} requests failed, first: {self.failures[:1]}")
        print(f"    {self.answered} requests meanwhile, none failed", flush=True)
