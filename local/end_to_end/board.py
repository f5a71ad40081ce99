"""The board (local/board) as a coordinator and a family use it, in a real browser, beside caregivers' real phones:
signed in by one click, in both languages, by keyboard alone, and held to the rules of accessibility by axe."""

from __future__ import annotations

import asyncio
import os
import urllib.error
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import browser
from client import Unexpected, ask, require, sign_in
from people import FAMILY, reply
from phones import Phones, phones

# Where pictures of the board are left, for a person to look at; none are taken without it.
PICTURES = os.environ.get("BOARD_PICTURES")
AXE = Path(__file__).with_name("node") / "node_modules" / "axe-core" / "axe.min.js"
CLIENT, NURSE = "0193a5b0-0000-7000-8000-0000000000c1", "0193a5b0-0000-7000-8000-000000000003"
COORDINATOR = "0193a5b0-0000-7000-8000-000000000002"
ZONE = ZoneInfo("America/Toronto")
# Until the board asks again where it has no socket.
NEWS_SECONDS = 25.0


def check(address: str) -> int:
    """Returns 0 when the day went as it should."""
    origin = os.environ["PORTAL_ORIGINS"].split(",")[0]
    try:
        _policy(origin)
        with browser.chromium() as devtools, phones() as carried:
            asyncio.run(_day(Day(address, origin, devtools, carried)))
    except (Unexpected, OSError, TimeoutError) as fault:
        print(f"The board: {fault}")
        return 1
    print("A coordinator's day and a family's view work on the board.")
    return 0


def _policy(origin: str) -> None:
    """Nothing inline and nothing of others runs on the page, and no file outside the board's folder is served."""
    with urllib.request.urlopen(origin, timeout=60) as page:
        policy = page.headers["content-security-policy"]
    for rule in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "require-trusted-types-for 'script'"):
        require(rule in policy.split("; "), f"the board's policy lacks {rule}: {policy}")
    for path in ("/../stack/board.py", "/%2e%2e/stack/board.py", "/nothing.js"):
        try:
            urllib.request.urlopen(origin + path, timeout=60).close()
        except urllib.error.HTTPError as answer:
            require(answer.code == 404, f"{path} was answered {answer.code}")
        else:
            raise Unexpected(f"{path} was served")


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


async def _day(day: Day) -> None:
    visit, other = day.visit(3), day.visit(4)
    task, refused = day.task(visit), day.task(other)
    for phone in ("one", "two"):
        day.phones.tell(phone, "signIn", email="nurse@demo.berthcare.ca")
        day.phones.tell(phone, "sync")
    async with browser.tab(day.devtools, day.origin) as tab:
        await _sign_in(tab)
        await _alert(day, tab)
        await _conflict(day, tab, task)
        await _move(day, tab, visit, other)
        await _cancel(day, tab, other)
        await _refusal(day, tab, refused)
        await _reply(day, tab)
        await _sound(tab, "the coordinator's day", "day")
        await _outage(tab)
        await _session(day, tab)
        require(not tab.faults, f"the coordinator's page failed: {tab.faults}")
    async with browser.tab(day.devtools, day.origin) as tab:
        await _family(tab)
        require(not tab.faults, f"the family's page failed: {tab.faults}")


async def _sign_in(tab: browser.Tab) -> None:
    """By keyboard: the coordinator's own language comes with her, the other by one key more."""
    await tab.wait("document.querySelector('.people button')")
    await _sound(tab, "the page to sign in", "sign_in")
    differ = """(async () => {
      const [{ en }, { fr }] = await Promise.all([import("/texts/en.js"), import("/texts/fr.js")]);
      return Object.keys({ ...en, ...fr }).filter((name) => !en[name] || !fr[name]);
    })()"""
    require(await tab.evaluate(differ) == [], "a text is missing in one language")
    await _clocks(tab)
    await tab.tab_to('[data-action="coordinator@demo.berthcare.ca"]')
    await tab.press("Enter")
    await tab.wait("document.querySelector('.visit')")
    await tab.wait("document.activeElement.id === 'main'")
    require(await tab.evaluate("document.documentElement.lang") == "fr-CA", "her language is French")
    await tab.wait("document.querySelector('.alerts h2').textContent.startsWith('Alertes')")
    await _sound(tab, "the day in French", "day_fr")
    await tab.evaluate("document.body.focus()")
    await tab.tab_to("#language")
    await tab.press("Enter")
    await tab.wait("document.querySelector('.alerts h2').textContent.startsWith('Alerts')")
    require(await tab.evaluate("document.documentElement.lang") == "en-CA", "the page says that it is English")


async def _alert(day: Day, tab: browser.Tab) -> None:
    """Raised on a phone, told aloud on the board, taken and resolved by keyboard."""
    day.phones.tell("one", "create", table="alerts", values={
        "client_id": CLIENT, "raised_by": NURSE, "severity": "critical", "reason": "fell in the bathroom",
        "status": "open", "escalation_level": 0,
    })  # fmt: skip
    day.phones.tell("one", "sync")
    card = "[...document.querySelectorAll('.alert')].find((one) => one.innerText.includes('fell in the bathroom'))"
    await tab.wait(card, NEWS_SECONDS)
    await tab.wait("document.getElementById('urgent').textContent.includes('fell in the bathroom')")
    require(await tab.evaluate(f"{card}.innerText.includes('Marguerite Tremblay')"), "the alert doesn't say of whom")
    await _sound(tab, "an alert", "alert")
    alert = await tab.evaluate(f"{card}.dataset.key")
    await tab.tab_to(f'[data-key="{alert}"] [data-action="take"]')
    await tab.press("Enter")
    await tab.wait(f"{card}.innerText.includes('Taken by Hélène Gagnon')")
    taken = day.ask("GET", f"/alerts/{alert}")
    require((taken["status"], taken["acknowledged_by"]) == ("acknowledged", COORDINATOR), f"it isn't hers: {taken}")
    # The button is gone, and the keyboard is on the next thing to do about the alert.
    require(await tab.evaluate("document.activeElement.dataset.action") == "resolve", "the keyboard lost its place")
    await tab.press(" ")
    await tab.wait(f"!({card})")
    require(day.ask("GET", f"/alerts/{alert}")["status"] == "resolved", "the alert isn't resolved")


async def _conflict(day: Day, tab: browser.Tab, task: str) -> None:
    """Two phones measured two values: a person says which counts, and the phones show it."""
    for phone, value in (("one", 72), ("two", 135)):
        data = {"heart_rate": {"value": value, "unit": "bpm"}}
        day.phones.tell(phone, "edit", table="visit_tasks", id=task, values={"data": data})
    for phone in ("one", "two"):
        day.phones.tell(phone, "sync")
    await tab.wait("document.querySelector('.conflicts .card')", NEWS_SECONDS)
    shown = await tab.evaluate("document.querySelector('.conflicts .card').innerText")
    require("72 bpm" in shown and "135 bpm" in shown, f"the conflict doesn't show both values: {shown}")
    await _sound(tab, "a conflict", "conflict")
    await tab.tab_to('.conflicts [data-action="keep-device"]')
    await tab.press("Enter")
    await tab.wait("!document.querySelector('.conflicts .card')")
    day.phones.tell("one", "sync")
    row = day.phones.tell("one", "row", table="visit_tasks", id=task)
    require("135" in row["data"], f"the phone doesn't show what was decided: {row}")


async def _move(day: Day, tab: browser.Tab, visit: str, other: str) -> None:
    """Over nobody's change and beside no other visit, unless it is meant so."""
    await _refresh(tab)
    await tab.tab_to(f'[data-key="{visit}"] [data-action="move"]')
    await tab.press("Enter")
    await tab.wait("document.querySelector('dialog[open]')?.contains(document.activeElement)")
    await _sound(tab, "a dialog", "move")
    await tab.press("Escape")
    await tab.wait("!document.querySelector('dialog')")
    back = f"document.activeElement.matches('[data-key=\"{visit}\"] [data-action=\"move\"]')"
    require(await tab.evaluate(back), "the keyboard is not back where the dialog was opened")
    await tab.press("Enter")
    await tab.wait("document.querySelector('dialog[open]')")
    day.ask("PATCH", f"/visits/{visit}", {"family_note": "Bring the walker"})
    planned = day.ask("GET", f"/visits/{other}")
    beside = datetime.fromisoformat(planned["scheduled_start"]).astimezone(ZONE)
    await _fill_times(tab, beside)
    await _submit(tab)
    await tab.wait("document.querySelector('dialog .fault')?.textContent.includes('meanwhile')")
    stays = day.ask("GET", f"/visits/{visit}")["scheduled_start"]
    require(stays != planned["scheduled_start"], "it moved all the same")
    await _fill_times(tab, beside)
    await _submit(tab)
    await tab.wait("document.querySelector('dialog [name=allow_overlap]')")
    await tab.evaluate("document.querySelector('dialog [name=allow_overlap]').click()")
    await _submit(tab)
    await tab.wait("!document.querySelector('dialog')")
    moved = day.ask("GET", f"/visits/{visit}")
    require(moved["scheduled_start"] == planned["scheduled_start"], f"the visit did not move: {moved}")
    require(moved["family_note"] == "Bring the walker", "moving it took back somebody else's change")


async def _fill_times(tab: browser.Tab, start: datetime) -> None:
    for name, at in (("start", start), ("end", start + timedelta(minutes=30))):
        await tab.evaluate(f"document.querySelector('dialog [name={name}]').value = '{at:%Y-%m-%dT%H:%M}'")


async def _submit(tab: browser.Tab) -> None:
    await tab.evaluate("document.querySelector('dialog [type=submit]').focus()")
    await tab.press("Enter")


async def _cancel(day: Day, tab: browser.Tab, visit: str) -> None:
    """With a reason, which the dialog asks for by name."""
    await tab.tab_to(f'[data-key="{visit}"] [data-action="cancel"]')
    await tab.press("Enter")
    await tab.wait("document.activeElement.name === 'reason'")
    await _submit(tab)
    await tab.wait("document.querySelector('dialog .fault')?.textContent.includes('Reason')")
    require(await tab.evaluate("document.activeElement.name") == "reason", "the keyboard isn't where a word is missing")
    await tab.type("In hospital until Friday")
    await _submit(tab)
    await tab.wait("!document.querySelector('dialog')")
    await tab.wait(f"document.querySelector('[data-key=\"{visit}\"]').innerText.includes('In hospital until Friday')")
    require(day.ask("GET", f"/visits/{visit}")["status"] == "cancelled", "the visit isn't cancelled")


async def _refusal(day: Day, tab: browser.Tab, task: str) -> None:
    """A digit too many on the phone: corrected on the board, and the phone has it right."""
    if await tab.evaluate("document.querySelector('.refusals').hidden"):
        return
    day.phones.tell("one", "edit", table="visit_tasks", id=task,
                    values={"data": {"heart_rate": {"value": 900, "unit": "bpm"}}})  # fmt: skip
    day.phones.tell("one", "sync")
    await tab.wait("document.querySelector('.refusals .card')", NEWS_SECONDS)
    await _sound(tab, "a refusal", "refusal")
    await tab.tab_to('.refusals [data-action="accept"]')
    await tab.press("Enter")
    await tab.wait("document.querySelector('dialog [name=data]')")
    await tab.evaluate("document.querySelector('dialog [name=data]').focus()")
    await tab.type('{"heart_rate": {"value": 90, "unit": "bpm"}}')
    await _sound(tab, "a correction", "accept")
    await _submit(tab)
    await tab.wait("!document.querySelector('dialog')")
    await tab.wait("!document.querySelector('.refusals .card')")


async def _reply(day: Day, tab: browser.Tab) -> None:
    """A family's SMS is read aloud; answered where the API can."""
    reply(day.address, FAMILY, "Maman a bien dormi")
    await tab.wait("document.querySelector('.replies').innerText.includes('Maman a bien dormi')", NEWS_SECONDS)


async def _outage(tab: browser.Tab) -> None:
    """Said while it lasts, and over by itself."""
    await tab.ask("Network.enable")
    conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    before = await tab.evaluate("document.getElementById('connection').className")
    await tab.ask("Network.emulateNetworkConditions", offline=True, **conditions)
    await tab.wait("document.getElementById('connection').classList.contains('offline')")
    await _sound(tab, "an outage", "offline")
    await tab.ask("Network.emulateNetworkConditions", offline=False, **conditions)
    await tab.wait(f"document.getElementById('connection').className === '{before}'")
    await tab.wait("[...document.querySelectorAll('.panel > .fault')].every((fault) => fault.hidden)")


async def _session(day: Day, tab: browser.Tab) -> None:
    """Renewed without a word when its token runs out, even by many requests at once; ended, the board says so."""
    kept = "JSON.parse(sessionStorage.getItem('board-session'))"
    token = await tab.evaluate(f"{kept}.token")
    await tab.evaluate(f"sessionStorage.setItem('board-session', JSON.stringify({{ ...{kept}, until: 0 }}))")
    await _refresh(tab)
    require(await tab.evaluate(f"{kept}.token") != token, "the token was not renewed")
    device = await tab.evaluate("localStorage.getItem('board-device-coordinator@demo.berthcare.ca')")
    # Signing in on a device ends the session that was there.
    sign_in(day.address, "coordinator", device)
    await tab.evaluate("document.querySelector('.days button').click()")
    await tab.wait("document.querySelector('.people')")
    require("has ended" in await tab.evaluate("document.querySelector('.notice').textContent"), "nobody says why")
    require(await tab.evaluate("document.getElementById('person').hidden"), "she is still named")
    # And left by the person's own doing.
    await tab.evaluate("document.querySelector('.people button').click()")
    await tab.wait("document.querySelector('.visit')")
    await tab.evaluate("document.getElementById('sign-out').click()")
    await tab.wait("document.querySelector('.notice')?.textContent.includes('signed out')")
    require(await tab.evaluate("sessionStorage.length") == 0, "the session is still kept")


async def _clocks(tab: browser.Tab) -> None:
    """A day is as long as it is in the agency's time zone, and a time stays what it is on its way through a field."""
    shown = await tab.evaluate("""(async () => {
      const { bounds, fields, instant } = await import("/language.js");
      const hours = (day) => (Date.parse(bounds(day).to) - Date.parse(bounds(day).from)) / 3_600_000;
      const times = ["2026-03-08T03:30", "2026-11-01T00:30", "2026-11-01T12:00", "2026-07-01T23:45"];
      return [hours("2026-03-08"), hours("2026-11-01"), hours("2026-12-31"),
        times.every((time) => fields(instant(time)) === time)];
    })()""")
    require(shown == [23, 25, 24, True], f"the board's clocks are wrong: {shown}")


async def _family(tab: browser.Tab) -> None:
    await tab.wait("document.querySelector('.people button')")
    await tab.tab_to('[data-action="family@demo.berthcare.ca"]')
    await tab.press("Enter")
    await tab.wait("document.querySelector('.visit-card')")
    title = await tab.evaluate("document.querySelector('h1').textContent")
    require(title == "Les soins de Marguerite", f"the title is {title}")
    await tab.wait("document.querySelectorAll('.looked .line').length")
    await _sound(tab, "the family's view", "family")
    shown = await tab.evaluate("document.body.innerText")
    require("Okafor" not in shown and "fell in the bathroom" not in shown, f"the family sees too much: {shown}")


async def _refresh(tab: browser.Tab) -> None:
    """Reads the page anew; nobody has to sign in again."""
    await tab.ask("Page.reload")
    await tab.wait("document.querySelector('.visit')")


async def _sound(tab: browser.Tab, what: str, name: str) -> None:
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
