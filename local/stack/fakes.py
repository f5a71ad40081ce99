"""Fakes of Twilio, Expo and Lambda's asynchronous invocation for the local stack: a process of its own.

What would be sent is printed. Messages are reported as delivered by webhooks that carry Twilio's signature. A call is
answered, listened to, and waits for a key: `make press`. `make reply` sends an SMS as a person would."""

from __future__ import annotations

import argparse
import gzip
import json
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from xml.etree import ElementTree

import terminal
from twilio.request_validator import RequestValidator

# The local stack's alone; local/src/prepare.rs writes the same.
AUTH_TOKEN = "local-auth-token"
# Twilio gives a webhook so long.
WEBHOOK_SECONDS = 15.0
# How long a call waits for a key, as <Gather timeout="10"> asks.
KEY_SECONDS = 10.0
# A function may be compiling when it is first invoked.
INVOKE_SECONDS = 600.0


def show(title: str, text: str = "", command: str = "") -> None:
    print(terminal.block(title, text, command), flush=True)


class Calls:
    """The keys that are pressed on calls in progress."""

    def __init__(self) -> None:
        self._pressed: dict[str, list[str]] = {}
        self._changed = threading.Condition()

    def open(self, sid: str) -> None:
        with self._changed:
            self._pressed[sid] = []

    def close(self, sid: str) -> None:
        with self._changed:
            self._pressed.pop(sid, None)

    def press(self, sid: str, digits: str) -> bool:
        with self._changed:
            # The newest call in progress, where none is named.
            sid = sid or next(reversed(self._pressed), "")
            if sid not in self._pressed:
                return False
            self._pressed[sid].append(digits)
            self._changed.notify_all()
            return True

    def command(self, sid: str) -> str:
        """What presses a key on this call; the newest needs no name."""
        with self._changed:
            name = "" if sid == next(reversed(self._pressed), "") else f" CALL={sid}"
        return f"make press{name} DIGITS=1"

    def key(self, sid: str) -> str:
        """The next key, or none after a while."""
        with self._changed:
            self._changed.wait_for(lambda: self._pressed.get(sid), KEY_SECONDS)
            pressed = self._pressed.get(sid) or [""]
            return pressed.pop(0)


class Providers:
    """The providers' records, and what they do with a message or call."""

    def __init__(self, api: str) -> None:
        self.api = api
        users = [user["fields"] for user in terminal.demo_users()]
        self._names = {user["phone"]: f" ({user['first_name']} {user['last_name']})" for user in users}
        self.calls = Calls()
        self.sent: list[dict[str, Any]] = []

    def party(self, number: str) -> str:
        """The number, with the name of the demo user who has it."""
        return number + self._names.get(number, "")

    def show_sms(self, recipient: str, text: str) -> None:
        command = f"make reply FROM={recipient} BODY='...'"
        show(f"SMS to {self.party(recipient)}", text, f"To answer: {command}")

    def webhook(self, url: str, values: Mapping[str, str]) -> str:
        """Posts to one of our webhooks as Twilio does, and returns the answer."""
        address = url.split("#")[0]
        request = urllib.request.Request(
            address,
            urlencode(values).encode(),
            {
                "content-type": "application/x-www-form-urlencoded; charset=utf-8",
                "x-twilio-signature": RequestValidator(AUTH_TOKEN).compute_signature(address, values),
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=WEBHOOK_SECONDS) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as fault:
            show(f"Twilio's request to {urlsplit(address).path} was answered {fault.code}")
        except OSError as fault:
            show(f"Twilio's request to {urlsplit(address).path} was not answered: {fault}")
        return ""

    def keep(self, kind: str, form: Mapping[str, str]) -> dict[str, Any]:
        sid = ("CA" if kind == "calls" else "SM") + uuid.uuid4().hex
        one = {
            "kind": kind,
            "sid": sid,
            "to": form["To"],
            "from": form["From"],
            "body": form.get("Body"),
            "date_created": formatdate(usegmt=True),
            "status": "queued",
        }
        self.sent.append(one)
        return one

    def deliver(self, sid: str, form: Mapping[str, str]) -> None:
        common = {
            "MessageSid": sid,
            "AccountSid": "AC",
            "To": form["To"],
            "From": form["From"],
            "ApiVersion": "2010-04-01",
        }
        for status in ("sent", "delivered"):
            time.sleep(0.3)
            self.webhook(form["StatusCallback"], {**common, "MessageStatus": status, "SmsStatus": status})

    def ring(self, sid: str, form: Mapping[str, str]) -> None:
        common = {
            "CallSid": sid, "AccountSid": "AC", "To": form["To"], "From": form["From"], "Direction": "outbound-api",
            "ApiVersion": "2010-04-01",
        }  # fmt: skip
        self.calls.open(sid)

        def report(status: str) -> None:
            self.webhook(form["StatusCallback"], {**common, "CallStatus": status, "Timestamp": formatdate(usegmt=True)})

        report("initiated")
        report("ringing")
        report("in-progress")
        self._listen(sid, self.webhook(form["Url"], {**common, "CallStatus": "in-progress"}), common)
        self.calls.close(sid)
        show(f"CALL to {self.party(form['To'])} ended")
        report("completed")

    def _listen(self, sid: str, twiml: str, common: Mapping[str, str]) -> None:
        """Says what TwiML says and follows it, until it asks for nothing more."""
        try:
            verbs = list(ElementTree.fromstring(twiml))
        except ElementTree.ParseError:
            return
        said: list[str] = []
        for verb in verbs:
            said += ["".join(words.itertext()) for words in verb.iter("Say")]
            if verb.tag == "Gather":
                self._show_call(common["To"], said, f"To answer within {KEY_SECONDS:.0f} s: {self.calls.command(sid)}")
                said = []
                digits = self.calls.key(sid)
                if digits or verb.get("actionOnEmptyResult") == "true":
                    values = {**common, "CallStatus": "in-progress", "Digits": digits}
                    self._listen(sid, self.webhook(verb.attrib["action"], values), common)
                    return
        self._show_call(common["To"], said)

    def _show_call(self, recipient: str, said: list[str], command: str = "") -> None:
        if said:
            show(f"CALL to {self.party(recipient)}", "\n".join(said), command)

    def reply(self, webhook: str, sender: str, recipient: str, body: str) -> None:
        sid = "SM" + uuid.uuid4().hex
        values = {
            "MessageSid": sid, "SmsMessageSid": sid, "AccountSid": "AC", "From": sender, "To": recipient, "Body": body,
            "NumMedia": "0", "NumSegments": "1", "SmsStatus": "received", "ApiVersion": "2010-04-01",
        }  # fmt: skip
        show(f"SMS from {self.party(sender)}", body)
        try:
            for message in ElementTree.fromstring(self.webhook(webhook, values) or "<Response/>").iter("Message"):
                self.show_sms(sender, "".join(message.itertext()))
        except ElementTree.ParseError as fault:
            show(f"The webhook's answer is not TwiML: {fault}")

    def invoke(self, function: str, event: bytes) -> None:
        """Lambda's asynchronous invocation: the caller doesn't wait."""
        request = urllib.request.Request(f"{self.api}/2015-03-31/functions/{function}/invocations", event)
        try:
            with urllib.request.urlopen(request, timeout=INVOKE_SECONDS) as answer:
                answer.read()
        except OSError as fault:
            show(f"{function} failed: {fault}", event.decode())


def handler(providers: Providers) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """The paths of three services, and of this tool itself."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            kind = "calls" if parts.path.endswith("/Calls.json") else "messages"
            query = dict(parse_qsl(parts.query))
            found = [
                one for one in reversed(providers.sent)
                if one["kind"] == kind and one["to"] == query.get("To") and one["from"] == query.get("From")
            ]  # fmt: skip
            self._answer(200, {kind: found[: int(query.get("PageSize", "50"))]})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            path = urlsplit(self.path).path
            match path.strip("/").split("/"):
                case ["2010-04-01", "Accounts", _, "Messages.json"]:
                    form = self._form(body)
                    one = providers.keep("messages", form)
                    providers.show_sms(form["To"], form["Body"])
                    self._answer(201, one)
                    self._later(providers.deliver, one["sid"], form)
                case ["2010-04-01", "Accounts", _, "Calls.json"]:
                    form = self._form(body)
                    one = providers.keep("calls", form)
                    self._answer(201, one)
                    self._later(providers.ring, one["sid"], form)
                case ["2010-04-01", "Accounts", _, "Calls", _]:
                    # Here a call is picked up as soon as it is placed.
                    self._answer(400, {"code": 21220, "message": "Call is not ringing", "status": 400})
                case ["--", "api", "v2", "push", "send"]:
                    messages = json.loads(body)
                    for message in messages:
                        show(f"PUSH to {message['to']}", message["title"])
                    self._answer(200, {"data": [{"status": "ok", "id": str(uuid.uuid4())} for _ in messages]})
                case ["--", "api", "v2", "push", "getReceipts"]:
                    self._answer(200, {"data": {ticket: {"status": "ok"} for ticket in json.loads(body)["ids"]}})
                case ["2015-03-31", "functions", function, "invocations"]:
                    self._answer(202, None)
                    self._later(providers.invoke, function, body)
                case ["reply"]:
                    request = json.loads(body)
                    providers.reply(request["webhook"], request["from"], request["to"], request["body"])
                    self._answer(200, {})
                case ["press"]:
                    request = json.loads(body)
                    pressed = providers.calls.press(request["call"], request["digits"])
                    self._answer(200 if pressed else 404, {})
                case _:
                    self._answer(404, {"code": 20404, "message": f"{path} is not faked here", "status": 404})

        def _form(self, body: bytes) -> dict[str, str]:
            return {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}

        def _later(self, work: Any, *arguments: Any) -> None:
            threading.Thread(target=work, args=arguments, daemon=True).start()

        def _answer(self, status: int, body: Any) -> None:
            content = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing: what matters is shown already."""

    return Handler


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--api", required=True, help="the address at which cargo-lambda serves the functions")
    arguments = parser.parse_args()
    ThreadingHTTPServer(("127.0.0.1", arguments.port), handler(Providers(arguments.api))).serve_forever()


if __name__ == "__main__":
    main()
