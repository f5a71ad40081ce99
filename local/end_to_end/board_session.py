"""A session on the board: who else is there, what an outage looks like, how a session is renewed and ends."""

from __future__ import annotations

import browser
from board_page import NEWS_SECONDS, Day, refresh, sound
from client import ADMINS_APP, PASSWORD, require, sign_in
from people import FAMILY, reply

# Who has left is away after 40 seconds, and others hear of it with their next ping.
LEFT_SECONDS = 75.0
# Sockets that a test can break.
SOCKETS = """
window.sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    window.sockets.push(this);
  }
};
"""


async def outage(day: Day, tab: browser.Tab) -> None:
    """Said while it lasts, over by itself, and what happened meanwhile is there."""
    await tab.ask("Network.enable")
    conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    await tab.ask("Network.emulateNetworkConditions", offline=True, **conditions)
    await tab.evaluate("window.sockets.at(-1).close()")
    await tab.wait("document.getElementById('connection').classList.contains('offline')")
    await sound(tab, "an outage", "offline")
    reply(day.address, FAMILY, "Elle a bien mangé aussi")
    await tab.ask("Network.emulateNetworkConditions", offline=False, **conditions)
    await tab.wait("document.getElementById('connection').classList.contains('live')")
    await tab.wait("document.querySelector('.replies').innerText.includes('Elle a bien mangé aussi')", NEWS_SECONDS)
    await tab.wait("[...document.querySelectorAll('.panel > .fault')].every((fault) => fault.hidden)")


async def colleague(day: Day, tab: browser.Tab) -> None:
    """An admin signs in with password and code, and is shown as online for as long as that lasts."""
    online = "document.querySelector('.presence').innerText.includes('Priya Nair')"
    async with browser.tab(day.devtools, day.origin) as other:
        await other.wait("document.querySelector('#own-email')")
        admin = {"email": "admin@demo.berthcare.ca", "password": PASSWORD, "totp": ADMINS_APP.next_code()}
        for name, text in admin.items():
            await other.evaluate(f"document.querySelector('#own-{name}').focus()")
            await other.type(text)
        await other.press("Enter")
        await other.wait("document.querySelector('.visit')")
        await other.wait("document.querySelector('.presence').innerText.includes('Hélène Gagnon')", NEWS_SECONDS)
        await tab.wait(online, NEWS_SECONDS)
        require(not other.faults, f"the admin's page failed: {other.faults}")
    await tab.wait(f"!{online}", LEFT_SECONDS)


async def session(day: Day, tab: browser.Tab) -> None:
    """Renewed without a word when its token runs out, even by many requests at once; ended, the board says so."""
    kept = "JSON.parse(sessionStorage.getItem('board-session'))"
    token = await tab.evaluate(f"{kept}.token")
    await tab.evaluate(f"sessionStorage.setItem('board-session', JSON.stringify({{ ...{kept}, until: 0 }}))")
    await refresh(tab)
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


async def clocks(tab: browser.Tab) -> None:
    """A day is as long as it is in the agency's time zone, and a time stays what it is on its way through a field."""
    shown = await tab.evaluate("""(async () => {
      const { bounds, fields, instant } = await import("/language.js");
      const hours = (day) => (Date.parse(bounds(day).to) - Date.parse(bounds(day).from)) / 3_600_000;
      const times = ["2026-03-08T03:30", "2026-11-01T00:30", "2026-11-01T12:00", "2026-07-01T23:45"];
      return [hours("2026-03-08"), hours("2026-11-01"), hours("2026-12-31"),
        times.every((time) => fields(instant(time)) === time)];
    })()""")
    require(shown == [23, 25, 24, True], f"the board's clocks are wrong: {shown}")
