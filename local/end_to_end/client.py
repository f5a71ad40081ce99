"""The served stack, as somebody of the demo agency asks it."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import totp  # noqa: E402

PASSWORD = "berthcare-demo"
# The demo admin's, for all who sign in as that one: a code is good once.
ADMINS_APP = totp.App()


class Unexpected(Exception):
    """What was answered instead of what was asked for."""


def require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Unexpected(otherwise)


def sign_in(address: str, name: str, device: str = "") -> tuple[dict[str, Any], str]:
    """The session of a device, a new one where none is named, and the device's id."""
    device = device or str(uuid.uuid4())
    body = {
        "email": f"{name}@demo.berthcare.ca", "password": PASSWORD,
        "device": {"id": device, "name": "test", "platform": "web", "app_version": "1.0.0"},
    }  # fmt: skip
    return ask(address, "POST", "/auth/login", body=body), device


def ask(address: str, method: str, path: str, token: str = "", body: object = None) -> dict[str, Any]:
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{address}/v1{path}", data, headers, method=method)
    try:
        # A function that has not run yet is started first.
        with urllib.request.urlopen(request, timeout=60) as answer:
            return dict(json.loads(answer.read()))
    except urllib.error.HTTPError as answer:
        raise Unexpected(f"{method} {path} was answered {answer.code}: {answer.read().decode()}") from None
