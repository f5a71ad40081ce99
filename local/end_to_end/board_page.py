"""What the tests of the board share: whose day it is, and what is asked of each of its pages."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from browser import Tab
from client import ask, require, sign_in
from phones import Phones

# Where pictures of the board are left, for a person to look at; none are taken without it.
PICTURES = os.environ.get("BOARD_PICTURES")
AXE = Path(__file__).with_name("node") / "node_modules" / "axe-core" / "axe.min.js"
CLIENT, NURSE = "0193a5b0-0000-7000-8000-0000000000c1", "0193a5b0-0000-7000-8000-000000000003"
COORDINATOR = "0193a5b0-0000-7000-8000-000000000002"
ZONE = ZoneInfo("America/Toronto")
# By the WebSocket: two seconds, and what a busy machine adds.
NEWS_SECONDS = 6.0
# What no event tells of, the board looks at so often, and something more.
UNTOLD_SECONDS = 30.0


class Day:
    """What the parts of the day share."""

    def __init__(self, address: str, origin: str, devtools: str, carried: Phones) -> None:
        self.address, self.origin, self.devtools, self.phones = address, origin, devtools, carried
        self.token = sign_in(address, "coordinator")[0]["access_token"]

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        return ask(self.address, method, path, self.token, body)

    def visit(self, hour: int, **fields: Any) -> str:
        """A visit of the nurse's today, planned for that hour; its id."""
        start = datetime.now(ZONE).replace(hour=hour, minute=0, second=0, microsecond=0)
        planned = {
            "client_id": CLIENT, "user_id": NURSE, "scheduled_start": start.isoformat(),
            "scheduled_end": (start + timedelta(minutes=30)).isoformat(), "allow_overlap": True,
        }  # fmt: skip
        return str(self.ask("POST", "/visits", planned | fields)["id"])

    def task(self, visit: str) -> str:
        body = {"task_type": "vitals", "title": "Pulse"}
        return str(self.ask("POST", f"/visits/{visit}/tasks", body)["id"])


async def submit(tab: Tab) -> None:
    await tab.evaluate("document.querySelector('dialog [type=submit]').focus()")
    await tab.press("Enter")


async def refresh(tab: Tab) -> None:
    """Reads the page anew; nobody has to sign in again."""
    await tab.ask("Page.reload")
    await tab.wait("document.querySelector('.visit')")


async def sound(tab: Tab, what: str, name: str) -> None:
    """Nothing on the page that axe knows to be in somebody's way; and a picture of it."""
    if not await tab.evaluate("Boolean(window.axe)"):
        await tab.evaluate(AXE.read_text() + "; true")
    found = await tab.evaluate("""(async () => {
      const { violations, passes } = await axe.run();
      return { passed: passes.map(({ id }) => id), faults: violations.map(({ id, nodes }) =>
        `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join(" | ")}`) };
    })()""")
    require("color-contrast" in found["passed"], f"axe didn't look: {found}")
    require(not found["faults"], f"{what} is in somebody's way: " + "\n".join(found["faults"]))
    if PICTURES:
        await tab.picture(Path(PICTURES) / f"{name}.png")
