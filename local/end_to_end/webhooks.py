"""Webhooks as Twilio's own library signs them, unaltered and altered, through the emulator."""

from __future__ import annotations

import hashlib
import json
import os
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from urllib.parse import urlencode
from xml.etree import ElementTree

import boto3
from multidict import MultiDict
from twilio.request_validator import RequestValidator

FORM = "application/x-www-form-urlencoded; charset=UTF-8"
BODIES = (
    "Merci",
    "",
    "  spaced  out  ",
    "1 + 1 = 2 & 100 % sûr ; ça va?",
    "Élise dit « à bientôt », œuvre, naïve, Zoë",
    "🙂👩🏽‍⚕️ merci 🙏",
    "tab\tnew\nline\r\n",
    "中文 العربية ᐃᓄᒃᑎᑐᑦ",
    "e\u0301 is not é to a signature",
    "x" * 1600,
)


def check(address: str) -> int:
    """Returns 0 when each request was accepted or refused as expected."""
    client = boto3.client("secretsmanager", region_name=os.environ["AWS_REGION"])
    secret = client.get_secret_value(SecretId=f"{os.environ['BERTHCARE_ENV']}/twilio/webhooks")["SecretString"]
    webhooks: dict[str, str] = json.loads(secret)
    validator = RequestValidator(webhooks["auth_token"])
    faults = [
        f"{name}: {status} instead of {expected} ({url})"
        for name, expected, url, body, headers in _requests(webhooks, validator)
        if (status := _post(url, body, headers)) != expected
    ]
    for fault in faults:
        print(fault)
    if faults:
        print(f"{len(faults)} webhooks had an unexpected answer.")
        return 1
    print("Webhooks signed by Twilio's library are accepted, altered ones refused.")
    return 0


def _requests(
    webhooks: dict[str, str], validator: RequestValidator
) -> Iterator[tuple[str, int, str, bytes, dict[str, str]]]:
    """Each with its name, the status that it should be answered with, its address, body and headers."""
    url = f"{webhooks['sms_webhook_url']}?token={webhooks['webhook_auth_token']}"

    def signed(at: str, form: dict[str, str | list[str]]) -> dict[str, str]:
        return {"content-type": FORM, "x-twilio-signature": validator.compute_signature(at, _multi(form))}

    for words in BODIES:
        form: dict[str, str | list[str]] = {
            "MessageSid": f"SM{uuid.uuid4().hex}",
            "From": "+14165559999",
            "To": "+14165550199",
            "Body": words,
            "FromCity": "",
            "Twice": ["b", "a", "a"],
            "Ünïcode": "✓",
        }
        body = urlencode(form, doseq=True).encode()
        yield repr(words), 200, url, body, signed(url, form)
        altered = urlencode(form | {"Body": words + "."}, doseq=True).encode()
        yield f"altered {words!r}", 403, url, altered, signed(url, form)
        yield "another parameter", 403, url, body + b"&x=1", signed(url, form)
        yield "another address", 403, url + "&x=1", body, signed(url, form)
        yield "another path", 403, url.replace("webhook", "status", 1), body, signed(url, form)
        other = url.replace(webhooks["webhook_auth_token"], "another")
        yield "not our token", 403, other, body, signed(other, form)
        yield "no signature", 403, url, body, {"content-type": FORM}
        theirs = RequestValidator("another account's").compute_signature(url, _multi(form))
        yield "another account", 403, url, body, {"content-type": FORM, "x-twilio-signature": theirs}

    told = json.dumps({"Body": "STOP ✓"}).encode()
    unsigned = {"content-type": "application/json", "x-twilio-signature": validator.compute_signature(url, {})}
    yield "JSON that nothing vouches for", 403, url, told, unsigned
    vouched = f"{url}&bodySHA256={hashlib.sha256(told).hexdigest()}"
    by_digest = unsigned | {"x-twilio-signature": validator.compute_signature(vouched, {})}
    yield "JSON that its digest vouches for", 415, vouched, told, by_digest
    yield "other JSON with that digest", 403, vouched, told + b" ", by_digest


def _multi(form: dict[str, str | list[str]]) -> MultiDict[str]:
    """The form as Twilio's library takes repeated parameters."""
    return MultiDict(
        (name, value) for name, values in form.items() for value in ([values] if isinstance(values, str) else values)
    )


def _post(url: str, body: bytes, headers: dict[str, str]) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=20) as answer:
            # TwiML is what Twilio's parser must be able to read.
            ElementTree.fromstring(answer.read())
            return int(answer.status)
    except urllib.error.HTTPError as answer:
        return answer.code
