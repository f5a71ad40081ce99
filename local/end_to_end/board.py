"""The board (local/board) as a coordinator and a family use it, in a real browser, beside caregivers' real phones:
signed in by one click, in both languages, by keyboard alone, and held to the rules of accessibility by axe."""

from __future__ import annotations

import asyncio
import os
import urllib.error
import urllib.request
from datetime import datetime, timedelta

import board_session
import browser
from board_page import CLIENT, COORDINATOR, NEWS_SECONDS, NURSE, UNTOLD_SECONDS, ZONE, Day, refresh, sound, submit
from client import Unexpected, require
from people import FAMILY, reply
from phones import phones


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


async def _day(day: Day) -> None:
    visit, other = day.visit(3), day.visit(4)
    task, refused = day.task(visit), day.task(visit)
    for phone in ("one", "two"):
        day.phones.tell(phone, "signIn", email="nurse@demo.berthcare.ca")
        day.phones.tell(phone, "sync")
    async with browser.tab(day.devtools, day.origin) as tab:
        await tab.ask("Page.enable")
        await tab.ask("Page.addScriptToEvaluateOnNewDocument", source=board_session.SOCKETS)
        await tab.ask("Page.reload")
        await _sign_in(tab)
        await tab.wait("document.getElementById('connection').classList.contains('live')")
        await board_session.colleague(day, tab)
        await _alert(day, tab)
        await _conflict(day, tab, task)
        await _move(day, tab, visit, other)
        await _cancel(day, tab, other)
        await _refusal(day, tab, refused)
        await _reply(day, tab)
        await sound(tab, "the coordinator's day", "day")
        await board_session.outage(day, tab)
        await board_session.session(day, tab)
        require(not tab.faults, f"the coordinator's page failed: {tab.faults}")
    async with browser.tab(day.devtools, day.origin) as tab:
        await _family(tab)
        require(not tab.faults, f"the family's page failed: {tab.faults}")


async def _sign_in(tab: browser.Tab) -> None:
    """By keyboard: the coordinator's own language comes with her, the other by one key more."""
    await tab.wait("document.querySelector('.people button')")
    await sound(tab, "the page to sign in", "sign_in")
    differ = """(async () => {
      const [{ en }, { fr }] = await Promise.all([import("/texts/en.js"), import("/texts/fr.js")]);
      return Object.keys({ ...en, ...fr }).filter((name) => !en[name] || !fr[name]);
    })()"""
    require(await tab.evaluate(differ) == [], "a text is missing in one language")
    await board_session.clocks(tab)
    await tab.tab_to('[data-action="coordinator@demo.berthcare.ca"]')
    await tab.press("Enter")
    await tab.wait("document.querySelector('.visit')")
    await tab.wait("document.activeElement.id === 'main'")
    require(await tab.evaluate("document.documentElement.lang") == "fr-CA", "her language is French")
    await tab.wait("document.querySelector('.alerts h2').textContent.startsWith('Alertes')")
    await sound(tab, "the day in French", "day_fr")
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
    await sound(tab, "an alert", "alert")
    alert = await tab.evaluate(f"{card}.dataset.key")
    await tab.tab_to(f'[data-key="{alert}"] [data-action="take"]')
    await tab.press("Enter")
    await tab.wait(f"{card}?.innerText.includes('Taken by Hélène Gagnon')")
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
    await sound(tab, "a conflict", "conflict")
    await tab.tab_to('.conflicts [data-action="keep-device"]')
    await tab.press("Enter")
    await tab.wait("!document.querySelector('.conflicts .card')")
    day.phones.tell("one", "sync")
    row = day.phones.tell("one", "row", table="visit_tasks", id=task)
    require("135" in row["data"], f"the phone doesn't show what was decided: {row}")


async def _move(day: Day, tab: browser.Tab, visit: str, other: str) -> None:
    """Over nobody's change and beside no other visit, unless it is meant so."""
    await refresh(tab)
    await tab.tab_to(f'[data-key="{visit}"] [data-action="move"]')
    await tab.press("Enter")
    await tab.wait("document.querySelector('dialog[open]')?.contains(document.activeElement)")
    await sound(tab, "a dialog", "move")
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
    await submit(tab)
    await tab.wait("document.querySelector('dialog .fault')?.textContent.includes('meanwhile')")
    stays = day.ask("GET", f"/visits/{visit}")["scheduled_start"]
    require(stays != planned["scheduled_start"], "it moved all the same")
    await _fill_times(tab, beside)
    await submit(tab)
    await tab.wait("document.querySelector('dialog [name=allow_overlap]')")
    await tab.evaluate("document.querySelector('dialog [name=allow_overlap]').click()")
    await submit(tab)
    await tab.wait("!document.querySelector('dialog')")
    moved = day.ask("GET", f"/visits/{visit}")
    require(moved["scheduled_start"] == planned["scheduled_start"], f"the visit did not move: {moved}")
    require(moved["family_note"] == "Bring the walker", "moving it took back somebody else's change")


async def _fill_times(tab: browser.Tab, start: datetime) -> None:
    for name, at in (("start", start), ("end", start + timedelta(minutes=30))):
        await tab.evaluate(f"document.querySelector('dialog [name={name}]').value = '{at:%Y-%m-%dT%H:%M}'")


async def _cancel(day: Day, tab: browser.Tab, visit: str) -> None:
    """With a reason, which the dialog asks for by name."""
    await tab.tab_to(f'[data-key="{visit}"] [data-action="cancel"]')
    await tab.press("Enter")
    await tab.wait("document.activeElement.name === 'reason'")
    await submit(tab)
    await tab.wait("document.querySelector('dialog .fault')?.textContent.includes('Reason')")
    require(await tab.evaluate("document.activeElement.name") == "reason", "the keyboard isn't where a word is missing")
    await tab.type("In hospital until Friday")
    await submit(tab)
    await tab.wait("!document.querySelector('dialog')")
    await tab.wait(f"document.querySelector('[data-key=\"{visit}\"]').innerText.includes('In hospital until Friday')")
    require(day.ask("GET", f"/visits/{visit}")["status"] == "cancelled", "the visit isn't cancelled")


async def _refusal(day: Day, tab: browser.Tab, task: str) -> None:
    """A digit too many on the phone: corrected on the board, and the phone has it right. Another one: dismissed."""
    await _push_pulse(day, task, 900)
    await tab.wait("document.querySelector('.refusals .card')", UNTOLD_SECONDS)
    shown = await tab.evaluate("document.querySelector('.refusals .card').innerText")
    require("300" in shown and "Amara Okafor" in shown, f"the refusal doesn't say whose and why: {shown}")
    await sound(tab, "a refusal", "refusal")
    await tab.tab_to('.refusals [data-action="accept"]')
    await tab.press("Enter")
    await tab.wait("document.querySelector('dialog [name=data]')")
    await tab.evaluate("document.querySelector('dialog [name=data]').focus()")
    await tab.type('{"heart_rate": {"value": 90, "unit": "bpm"}}')
    await sound(tab, "a correction", "accept")
    await submit(tab)
    await tab.wait("!document.querySelector('dialog')")
    await tab.wait("!document.querySelector('.refusals .card')")
    day.phones.tell("one", "sync")
    row = day.phones.tell("one", "row", table="visit_tasks", id=task)
    require("90" in row["data"], f"the phone doesn't have what was corrected: {row}")

    await _push_pulse(day, task, 901)
    await tab.wait("document.querySelector('.refusals .card')", UNTOLD_SECONDS)
    await tab.tab_to('.refusals [data-action="dismiss"]')
    await tab.press("Enter")
    await tab.wait("document.activeElement.name === 'reason'")
    await tab.type("Measured anew")
    await submit(tab)
    await tab.wait("!document.querySelector('.refusals .card')")


async def _push_pulse(day: Day, task: str, value: int) -> None:
    data = {"heart_rate": {"value": value, "unit": "bpm"}}
    day.phones.tell("one", "edit", table="visit_tasks", id=task, values={"data": data})
    day.phones.tell("one", "sync")


async def _reply(day: Day, tab: browser.Tab) -> None:
    """A family's SMS is told, answered by SMS, and closed."""
    reply(day.address, FAMILY, "Maman a bien dormi")
    card = "[...document.querySelectorAll('.replies .card')].find((one) => one.innerText.includes('Maman a bien'))"
    await tab.wait(card, NEWS_SECONDS)
    key = await tab.evaluate(f"{card}.dataset.key")
    await tab.tab_to(f'[data-key="{key}"] [data-action="answer"]')
    await tab.press("Enter")
    await tab.wait("document.activeElement.name === 'text'")
    await tab.type("Merci, à demain!")
    await sound(tab, "an answer", "answer")
    await submit(tab)
    await tab.wait(f"{card}?.innerText.includes('Hélène Gagnon answered: Merci, à demain!')")
    require(await tab.evaluate("document.activeElement.dataset.action") == "close", "the keyboard lost its place")
    await tab.press("Enter")
    await tab.wait(f"!({card})")


async def _family(tab: browser.Tab) -> None:
    await tab.wait("document.querySelector('.people button')")
    await tab.tab_to('[data-action="family@demo.berthcare.ca"]')
    await tab.press("Enter")
    await tab.wait("document.querySelector('.visit-card')")
    title = await tab.evaluate("document.querySelector('h1').textContent")
    require(title == "Les soins de Marguerite", f"the title is {title}")
    await tab.wait("document.querySelectorAll('.looked .line').length")
    await sound(tab, "the family's view", "family")
    shown = await tab.evaluate("document.body.innerText")
    require("Okafor" not in shown and "fell in the bathroom" not in shown, f"the family sees too much: {shown}")
