"""A headless Chromium, spoken to by its DevTools protocol: pages at origins of ours, and scripts that run in them."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import aiohttp
from client import Unexpected

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import loopback  # noqa: E402

START_SECONDS = 60.0
SCRIPT_SECONDS = 60.0
# Of the keyboard on a page of ours, at most.
MOST_STOPS = 150
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0",
)  # fmt: skip

# By the name of a key: its number, and what it writes.
_KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), "Escape": (27, ""), " ": (32, " "), "ArrowDown": (40, "")}


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
def page() -> Iterator[str]:
    """An empty page at an origin of its own, which it answers."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>a page</title>")

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing of it is news."""

    with loopback.serving(Page) as origin:
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

    async def once() -> Any:
        async with tab(devtools, origin) as page:
            return await page.evaluate(f"(async () => {{ {script} }})()")

    return asyncio.run(asyncio.wait_for(once(), SCRIPT_SECONDS))


@asynccontextmanager
async def tab(devtools: str, origin: str) -> AsyncIterator[Tab]:
    """A tab that shows the page at `origin`, read whole."""
    async with aiohttp.ClientSession() as http, http.ws_connect(devtools, max_msg_size=0) as socket:
        browser = Tab(socket, origin)
        # A context of its own: nobody is signed in there.
        context = (await browser.ask("Target.createBrowserContext"))["browserContextId"]
        try:
            target = (await browser.ask("Target.createTarget", url=f"{origin}/", browserContextId=context))["targetId"]
            browser.session = (await browser.ask("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
            await browser.ask("Runtime.enable")
            await browser.ask("Log.enable")
            await browser.wait(f"location.origin + document.readyState === '{origin}complete'")
            yield browser
        finally:
            browser.session = ""
            await browser.ask("Target.disposeBrowserContext", browserContextId=context)


class Tab:
    """A tab, driven as a person does: what it shows is read, keys are pressed, its picture is taken."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, origin: str) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.origin = origin
        # The DevTools session of the tab; none speaks to the browser itself.
        self.session = ""
        # What its scripts failed at, and what the page's policy refused.
        self.faults: list[str] = []

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Sends a DevTools command and returns its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        await self._socket.send_json(message | ({"sessionId": self.session} if self.session else {}))
        while (answer := await self._socket.receive_json()).get("id") != number:
            self._note(answer)
        if "error" in answer:
            raise Unexpected(f"{method}: {answer['error']}")
        return dict(answer["result"])

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.faults.append(str(details.get("exception", {}).get("description", details["text"])))
        # That an answer was no 200 is for the scripts to judge.
        if event.get("method") == "Log.entryAdded" and params["entry"]["source"] not in ("network", "verbose"):
            self.faults.append(params["entry"]["text"])

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; of a promise, what it comes to."""
        answer = await self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if fault := answer.get("exceptionDetails"):
            raise Unexpected(f"on the page at {self.origin}: {fault.get('exception', {}).get('description', fault)}")
        return answer["result"].get("value")

    async def wait(self, expression: str, seconds: float = SCRIPT_SECONDS) -> None:
        """Until the expression is true, or stands for something."""
        end = time.monotonic() + seconds
        while not await self.evaluate(f"Boolean({expression})"):
            if time.monotonic() > end:
                shown = await self.evaluate("document.body.innerText")
                raise Unexpected(f"not within {seconds:.0f} s: {expression}\nThe page shows:\n{shown}")
            await asyncio.sleep(0.02)

    async def press(self, key: str, *, shift: bool = False) -> None:
        """Presses a key and lets it go: Tab, Enter, Escape, a space."""
        code, text = _KEYS[key]
        common = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": code}
        common["modifiers"] = 8 if shift else 0
        await self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        await self.ask("Input.dispatchKeyEvent", type="keyUp", **common)

    async def tab_to(self, selector: str) -> None:
        """Presses Tab until the keyboard is on such an element."""
        for _ in range(MOST_STOPS):
            await self.press("Tab")
            if await self.evaluate(f"document.activeElement.matches({json.dumps(selector)})"):
                return
        raise Unexpected(f"the keyboard doesn't reach {selector}")

    async def type(self, text: str) -> None:
        """Types into what has the focus, in place of what is there."""
        await self.evaluate("document.activeElement.select?.()")
        await self.ask("Input.insertText", text=text)

    async def picture(self, file: Path, *, width: int = 1280, height: int = 900) -> None:
        """Takes a picture of the whole page."""
        size = {"width": width, "deviceScaleFactor": 1, "mobile": False}
        await self.ask("Emulation.setDeviceMetricsOverride", height=height, **size)
        whole = max(height, await self.evaluate("document.documentElement.scrollHeight"))
        await self.ask("Emulation.setDeviceMetricsOverride", height=whole, **size)
        shot = await self.ask("Page.captureScreenshot", format="png")
        file.write_bytes(base64.b64decode(shot["data"]))
