"""The fake Twilio and Expo (fakes.py) as a process of the stack, the people who answer through it, and what
EventBridge Scheduler does in AWS."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tools
from console import StackError, step
from folders import ROOT, is_free
from processes import Processes

START_SECONDS = 30.0
# Minutes between two events of a job; what is missing here runs every quarter of an hour.
_EVERY_MINUTE = ("dispatch", "escalate")
_EVERY = dict.fromkeys(_EVERY_MINUTE, 1) | dict.fromkeys(("late-visits",), 5)
_OTHERWISE = 15


def start(processes: Processes, env: Mapping[str, str], *, log: Path | None) -> None:
    """Starts the fakes at the address that the environment names; without a log they write to the terminal."""
    address = env["TWILIO_URL"]
    port = int(address.rsplit(":", 1)[1])
    with step("Starting the fake Twilio and Expo") as current:
        child = processes.start(
            "The fake Twilio and Expo",
            [tools.BIN / "python", Path(__file__).with_name("fakes.py"), "--port", str(port),
             "--api", env["PUBLIC_URL"]],
            log=log,
        )  # fmt: skip
        end = time.monotonic() + START_SECONDS
        while is_free(port):
            if time.monotonic() > end or child.exit_code() is not None:
                raise child.failure("The fake Twilio and Expo did not start: the reason is above.")
            time.sleep(0.05)
        current.note = f"port {port}"


def run_schedules(env: Mapping[str, str]) -> None:
    """Sends each job its event as often as the schedules do, for as long as this tool runs."""
    threading.Thread(target=_schedule, args=(env["TWILIO_URL"],), daemon=True).start()


def _schedule(address: str) -> None:
    minute = 0
    while True:
        time.sleep(60.0)
        minute += 1
        for function in ("urgent", "jobs", "exports"):
            for file in sorted((ROOT / "events" / function).glob("*.json")):
                if minute % _EVERY.get(file.stem, _OTHERWISE) == 0:
                    _post(address, f"/2015-03-31/functions/{function}/invocations", json.loads(file.read_text()))


# As local/src/prepare.rs writes them.
_TOKEN = "local-webhook-token"
_OUR_NUMBER = "+14165550199"


def reply(env: Mapping[str, str], sender: str, body: str) -> None:
    """Sends us an SMS as somebody with that number would."""
    webhook = f"{env['PUBLIC_URL']}/v1/sms/webhook?token={_TOKEN}"
    _post(env["TWILIO_URL"], "/reply", {"webhook": webhook, "from": sender, "to": _OUR_NUMBER, "body": body})


def press(env: Mapping[str, str], call: str, digits: str) -> None:
    """Presses keys on a call in progress; on the newest where `call` is empty."""
    _post(env["TWILIO_URL"], "/press", {"call": call, "digits": digits})


def _post(address: str, path: str, body: Any) -> None:
    request = urllib.request.Request(address + path, json.dumps(body).encode())
    try:
        urllib.request.urlopen(request, timeout=60).close()
    except urllib.error.HTTPError as answer:
        if answer.code == 404:
            raise StackError("No call is waiting for a key: raise an alert first.") from None
        raise
    except OSError as fault:
        raise StackError(f"The fake Twilio does not answer: is `make start` running? ({fault})") from fault
