"""Serves the board, a small demonstration portal (local/board), on an origin of its own: it reaches the API by CORS and
the WebSocket as any portal does. Started by the stack with its port; nothing of it is deployed."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import terminal
import tools
from console import step
from folders import ROOT, State, is_free
from processes import Processes

START_SECONDS = 30.0
FOLDER = (ROOT / "local" / "board").resolve()
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# As local/src/demo loads the agency and its users.
_TIME_ZONE = "America/Toronto"
_PASSWORD = "berthcare-demo"
# An admin's sign-in needs a code that an app shows.
_BY_ONE_CLICK = ("coordinator", "family")


def start(processes: Processes, state: State, env: Mapping[str, str]) -> str | None:
    """Starts the board and returns its origin; none where PORTAL_ORIGINS doesn't let it call the API."""
    port = state.port("board")
    origin = f"http://127.0.0.1:{port}"
    if origin not in env["PORTAL_ORIGINS"].split(","):
        return None
    with step("Starting the board") as current:
        child = processes.start(
            "The board",
            [tools.BIN / "python", Path(__file__), str(port)],
            log=state.logs / "board.log",
            env=env,
        )
        end = time.monotonic() + START_SECONDS
        while is_free(port):
            if time.monotonic() > end or child.exit_code() is not None:
                raise child.failure("The board did not start: the reason is above.")
            time.sleep(0.05)
        current.note = f"port {port}"
    return origin


def configuration(env: Mapping[str, str]) -> dict[str, Any]:
    """What the board's scripts can't know: where the API is, the demo agency's time zone, and who may be played."""
    people = [
        {name: user["fields"][name] for name in ("email", "first_name", "last_name", "role", "locale")}
        for user in terminal.demo_users()
        if user["fields"]["role"] in _BY_ONE_CLICK
    ]
    return {"api": env["PUBLIC_URL"], "time_zone": _TIME_ZONE, "password": _PASSWORD, "people": people}


def policy(env: Mapping[str, str]) -> str:
    """The page's content security policy: files of its own and nothing inline; the API, its WebSocket, the buckets."""
    api, buckets = env["PUBLIC_URL"], env["AWS_ENDPOINT_URL"]
    socket = api.replace("http", "ws", 1)
    return "; ".join((
        "default-src 'none'", "script-src 'self'", "style-src 'self'", f"img-src 'self' {buckets}",
        f"connect-src 'self' {api} {buckets} {socket}", "require-trusted-types-for 'script'",
        "trusted-types 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    ))  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/configuration.json":
            self._answer(json.dumps(configuration(os.environ)).encode(), "application/json")
            return
        file = (FOLDER / (path.lstrip("/") or "index.html")).resolve()
        if file.is_relative_to(FOLDER) and file.is_file() and file.suffix in _TYPES:
            self._answer(file.read_bytes(), _TYPES[file.suffix])
        else:
            self.send_error(404)

    def _answer(self, body: bytes, content_type: str) -> None:
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        # A file that is saved is seen at the next load.
        self.send_header("cache-control", "no-store")
        self.send_header("content-security-policy", policy(os.environ))
        self.send_header("referrer-policy", "no-referrer")
        self.send_header("x-content-type-options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing of it is news."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), _Handler).serve_forever()
