"""A nurse asks for help and a family for a call; a coordinator's phone rings, and she takes both by pressing a key.

Twilio's part is played by the fakes (local/stack/fakes.py), with real signatures; everything else is the product.
"""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from client import Unexpected, ask, sign_in

FAMILY = "+14165550171"
OUR_NUMBER = "+14165550199"
WEBHOOK_TOKEN = "local-webhook-token"
# Functions that have not run yet are started first.
TIMEOUT_SECONDS = 60.0


def check(address: str) -> int:
    """Returns 0 when a person took both alerts."""
    try:
        coordinator, nurse = (sign_in(address, name)[0]["access_token"] for name in ("coordinator", "nurse"))
        client = ask(address, "GET", "/clients?limit=1", nurse)["items"][0]["id"]
        alert = {"client_id": client, "severity": "high", "reason": "fast pulse"}
        raised = ask(address, "POST", "/alerts", nurse, alert)
        _take(lambda: ask(address, "GET", f"/alerts/{raised['id']}", coordinator))

        reply(address, FAMILY, "CALL")
        _take(lambda: _newest(address, coordinator, "family_call"))
    except (Unexpected, OSError) as fault:
        print(f"An alert was not taken: {fault}")
        return 1
    print("Alerts reach a person, who takes them by pressing a key.")
    return 0


def _take(alert: Callable[[], dict[str, Any]]) -> None:
    """Presses 1 on whatever call comes, until somebody has the alert."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while (found := alert())["status"] != "acknowledged":
        if time.monotonic() > end:
            raise Unexpected(f"the alert is {found['status']} after {TIMEOUT_SECONDS:.0f} seconds")
        _provider("/press", {"call": "", "digits": "1"})
        time.sleep(0.5)


def _newest(address: str, token: str, reason: str) -> dict[str, Any]:
    alerts: list[dict[str, Any]] = ask(address, "GET", "/alerts?limit=50", token)["items"]
    return next((alert for alert in alerts if alert["reason"] == reason), {"status": "not raised"})


def reply(address: str, sender: str, body: str) -> None:
    """Sends us an SMS as somebody with that number would."""
    webhook = f"{address}/v1/sms/webhook?token={WEBHOOK_TOKEN}"
    _provider("/reply", {"webhook": webhook, "from": sender, "to": OUR_NUMBER, "body": body})


def _provider(path: str, body: object) -> None:
    request = urllib.request.Request(os.environ["TWILIO_URL"] + path, json.dumps(body).encode())
    try:
        urllib.request.urlopen(request, timeout=60).close()
    except urllib.error.HTTPError as answer:
        # No call waits for a key yet.
        if answer.code != 404:
            raise
