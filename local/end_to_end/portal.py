"""A portal in a real browser: from an allowed origin it works as on the API's own pages, from a foreign one it gets
nothing, neither from the API nor from the buckets."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import urllib.request
import uuid
from typing import Any

import browser
from client import PASSWORD, Unexpected, require

PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR42mM4UZECRAwQCgAvjgaRxx1miwAAAABJRU5ErkJggg=="

_HEAD = """
const given = GIVEN;
const bytes = Uint8Array.from(atob(given.picture), (one) => one.charCodeAt(0));
const ask = (method, path, token, body, headers = {}) => fetch(given.api + "/v1" + path, {method, headers: {
  ...(body && {"content-type": "application/json"}), ...(token && {authorization: "Bearer " + token}), ...headers},
  body: body && JSON.stringify(body)});
const signIn = () => ask("POST", "/auth/login", null, {email: "coordinator@demo.berthcare.ca", password: given.password,
  device: {id: given.device, name: "Portal", platform: "web", app_version: "1.0.0"}});
const put = (upload) => {
  const {"content-length": _, ...headers} = upload.headers;
  return fetch(upload.url, {method: "PUT", headers, body: bytes});
};
"""

# What a portal does in a morning. Each header is read as a script can: only where it is exposed.
_PORTAL = """
const token = (await (await signIn()).json()).access_token;
const list = await (await ask("GET", "/clients?name=Tremblay", token)).json();
const path = "/clients/" + list.items[0].id;
const read = await ask("GET", path, token, null, {"accept-language": "fr-CA"});
const [tag, request] = [read.headers.get("etag"), read.headers.get("x-request-id")];
const changed = await ask("PATCH", path, token, {phone: "+14165550170"}, {"if-match": tag});
const again = await ask("PATCH", path, token, {phone: "+14165550172"}, {"if-match": '"stale"'});
const unchanged = await ask("GET", path, token, null, {"if-none-match": changed.headers.get("etag"),
  "x-device-time": "2026-11-20T14:02:10Z"});
let limited;
for (let tries = 0; tries < 5 && limited?.status !== 429; tries += 1)
  limited = await ask("POST", "/auth/forgot", null, {email: "nobody@portal.example.ca"});
const photo = (id) => ask("POST", "/photos", token, {id, client_id: list.items[0].id, kind: "photo",
  content_type: "image/png", bytes: bytes.length, sha256: given.sha256});
const created = await photo(given.photos[0]);
const [location, mine] = [created.headers.get("location"), await created.json()];
const uploaded = await put(mine.upload);
const stored = await (await ask("POST", "/photos/" + given.photos[0] + "/complete", token)).json();
const known = await (await ask("GET", "/photos/" + given.photos[0], token)).json();
const downloaded = await fetch(known.download.url);
return {token, tag, request, changed: changed.status, again: again.status, unchanged: unchanged.status,
  limited: limited.status, wait: limited.headers.get("retry-after"), uploaded: uploaded.status, stored: stored.status,
  downloaded: [downloaded.status, (await downloaded.arrayBuffer()).byteLength], url: known.download.url,
  location, waiting: (await (await photo(given.photos[1])).json()).upload};
"""

# The same from elsewhere, with all that the portal knows: what each attempt came to.
_STRANGER = """
const attempts = {
  health: () => ask("GET", "/health"), signIn, list: () => ask("GET", "/clients?limit=1", given.token),
  change: () => ask("PATCH", "/auth/me", given.token, {}),
  upload: () => put(given.upload), download: () => fetch(given.url),
};
const told = {};
for (const [name, attempt] of Object.entries(attempts))
  try { told[name] = (await attempt()).status; } catch (fault) { told[name] = fault.name; }
return told;
"""


def check(address: str) -> int:
    """Returns 0 when the portal works and a stranger gets nothing."""
    try:
        _preflights(address)
        _pages(address)
    except (Unexpected, OSError, TimeoutError) as fault:
        print(f"The portal in a browser: {fault!r}")
        return 1
    print("A portal works in a browser, and a foreign page gets nothing.")
    return 0


def _pages(address: str) -> None:
    # The board's page, which the stack serves: where a portal of ours would be.
    portal = os.environ["PORTAL_ORIGINS"].split(",")[0]
    picture = base64.b64decode(PICTURE)
    given: dict[str, Any] = {
        "api": address, "password": PASSWORD, "device": str(uuid.uuid4()), "picture": PICTURE,
        "sha256": hashlib.sha256(picture).hexdigest(), "photos": [str(uuid.uuid4()) for _ in range(2)],
    }  # fmt: skip
    with browser.chromium() as devtools, browser.page() as foreign:
        seen = browser.run(devtools, portal, _script(_PORTAL, given))
        require(bool(seen["tag"] and seen["request"]), f"ETag and x-request-id can't be read: {seen}")
        require(
            (seen["changed"], seen["again"], seen["unchanged"]) == (200, 412, 304), f"PATCH with If-Match: {seen}"
        )
        require(seen["limited"] == 429 and int(seen["wait"] or 0) > 0, f"Retry-After can't be read: {seen}")
        require(seen["location"] == f"/v1/photos/{given['photos'][0]}", f"Location can't be read: {seen}")
        require((seen["uploaded"], seen["stored"]) == (200, "stored"), f"the upload: {seen}")
        require(seen["downloaded"][0] == 200 and seen["downloaded"][1] > 0, f"the download: {seen}")

        given |= {"token": seen["token"], "upload": seen["waiting"], "url": seen["url"]}
        given["device"] = str(uuid.uuid4())
        told = browser.run(devtools, foreign, _script(_STRANGER, given))
        require(set(told.values()) == {"TypeError"}, f"a page at {foreign} got something: {told}")
        # The uploads were allowed there and then: it was the origin that was refused.
        told = browser.run(devtools, portal, _script(_STRANGER, given))
        require("TypeError" not in told.values(), f"the portal can't do what a foreign page may not: {told}")


def _script(body: str, given: dict[str, Any]) -> str:
    return _HEAD.replace("GIVEN", json.dumps(given)) + body


def _preflights(address: str) -> None:
    """Answered without a token, by no function, and alike on every path; no origin but the portal's learns anything."""
    allowed = os.environ["PORTAL_ORIGINS"].split(",")
    for path in ("/v1/clients", "/v1/auth/login", "/v1/nowhere"):
        for origin in (*allowed, "https://portal.example.com", "null"):
            asked = {"origin": origin, "access-control-request-method": "PATCH"}
            request = urllib.request.Request(f"{address}{path}", headers=asked, method="OPTIONS")
            with urllib.request.urlopen(request, timeout=60) as answer:
                headers = {name.lower(): value for name, value in answer.headers.items()}
                told = {name for name in headers if name.startswith("access-control-")}
                require(answer.status == 204, f"a preflight of {path} was answered {answer.status}")
                require("x-request-id" not in headers, f"a function answered a preflight of {path}")
                require(bool(told) == (origin in allowed), f"{origin} was told {sorted(told)}")
