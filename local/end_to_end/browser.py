"""A headless Chromium, spoken to by its DevTools protocol: pages at origins of ours, and scripts that run in them."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import aiohttp
from client import Unexpected

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import loopback  # noqa: E402

START_SECONDS = 60.0
SCRIPT_SECONDS = 60.0
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0",
)  # fmt: skip


def program() -> str:
    """Chromium's name; installed where it is missing and may be."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return name
    if shutil.which("apt-get"):
        print("Installing chromium ...", flush=True)
        subprocess.run(["apt-get", "install", "--quiet", "--yes", "chromium"], stdout=subprocess.DEVNULL, check=True)
        return "chromium"
    raise Unexpected("there is no Chromium: install it, so that `chromium` is on the PATH")


@contextmanager
def page(port: int) -> Iterator[str]:
    """An empty page, served at that port (any, where it is 0); its origin."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>a page</title>")

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing of it is news."""

    with loopback.serving(Page, port) as origin:
        yield origin


@contextmanager
def chromium() -> Iterator[str]:
    """A browser without a past; the address of its DevTools."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program(), *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield _devtools(process, Path(profile) / "DevToolsActivePort")
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _devtools(process: subprocess.Popen[bytes], told: Path) -> str:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        # Its first line is the port, its second the browser's own path; it is written whole, but maybe not yet.
        lines = told.read_text().splitlines() if told.exists() else []
        if len(lines) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.05)
    raise Unexpected("Chromium did not start")


def run(devtools: str, origin: str, script: str) -> Any:
    """What the script, the body of an async function, returns on the page at `origin`."""
    return asyncio.run(asyncio.wait_for(_run(devtools, origin, script), SCRIPT_SECONDS))


async def _run(devtools: str, origin: str, script: str) -> Any:
    async with aiohttp.ClientSession() as http, http.ws_connect(devtools, max_msg_size=0) as socket:
        numbers = itertools.count(1)

        async def ask(method: str, session: str = "", **params: Any) -> dict[str, Any]:
            number = next(numbers)
            message = {"id": number, "method": method, "params": params}
            await socket.send_json(message | ({"sessionId": session} if session else {}))
            # Events come in between, which nobody waits for.
            while (answer := await socket.receive_json()).get("id") != number:
                pass
            if "error" in answer:
                raise Unexpected(f"{method}: {answer['error']}")
            return dict(answer["result"])

        target = (await ask("Target.createTarget", url=f"{origin}/"))["targetId"]
        session = (await ask("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]

        async def evaluate(expression: str) -> Any:
            answer = await ask(
                "Runtime.evaluate", session, expression=expression, awaitPromise=True, returnByValue=True
            )
            if fault := answer.get("exceptionDetails"):
                raise Unexpected(f"on the page at {origin}: {fault.get('exception', {}).get('description', fault)}")
            return answer["result"].get("value")

        try:
            while await evaluate("location.origin + document.readyState") != f"{origin}complete":
                await asyncio.sleep(0.02)
            return await evaluate(f"(async () => {{ {script} }})()")
        finally:
            await ask("Target.closeTarget", targetId=target)
