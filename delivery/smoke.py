"""Whether what answers at an address is BerthCare, whole and shut: `python delivery/smoke.py https://api.example.ca`.

It needs no account and changes nothing, so that it may be asked of production.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from typing import Any

SECONDS = 30.0
MALFORMED = b"{"

failures: list[str] = []


def ask(method: str, url: str, body: bytes | None = None) -> tuple[int, dict[str, str], Any]:
    request = urllib.request.Request(url, body, {"content-type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            status, headers, text = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        status, headers, text = answer.code, answer.headers, answer.read()
    except OSError as fault:
        sys.exit(f"Smoke test failed: {url} does not answer: {fault}")
    lower = {name.lower(): value for name, value in headers.items()}
    return status, lower, json.loads(text) if "json" in lower.get("content-type", "") else None


def expect(what: str, holds: bool, found: object) -> None:
    print(f"{'ok    ' if holds else 'FAILED'} {what}", flush=True)
    if not holds:
        failures.append(f"{what}: {found}")


def main(address: str) -> None:
    status, headers, health = ask("GET", f"{address}/v1/health")
    expect("all dependencies answer", status == 200 and health["ok"] is True, (status, health))
    expect("answers carry a request id", bool(headers.get("x-request-id")), headers)
    expect("answers are not kept by caches", "no-store" in headers.get("cache-control", ""), headers)

    status, _, document = ask("GET", f"{address}/v1/openapi.json")
    expect("the document is served", status == 200 and document["openapi"].startswith("3.1"), status)

    # One operation of each function by its tag, asked by nobody: each function starts, and lets nobody in.
    open_to_all = 0
    for path, operations in document["paths"].items():
        operation = operations.get("get")
        if operation is None or not operation.get("security") or {} in operation["security"]:
            continue
        url = address + path.replace("{", "").replace("}", "")
        status, headers, problem = ask("GET", url)
        if status != 401 or "problem+json" not in headers.get("content-type", "") or not problem.get("instance"):
            open_to_all += 1
            failures.append(f"GET {path} without a token was answered {status}: {problem}")
    expect("no read is open to strangers", open_to_all == 0, failures)

    status, headers, problem = ask("POST", f"{address}/v1/auth/login", MALFORMED)
    expect(
        "a malformed body is a clear problem", status in (400, 422) and bool(problem.get("title")), (status, problem)
    )
    expect("problems are problem+json", "application/problem+json" in headers.get("content-type", ""), headers)

    status, _, keys = ask("GET", f"{address}/v1/.well-known/jwks.json")
    public = status == 200 and bool(keys["keys"]) and not any("d" in key for key in keys["keys"])
    expect("public keys are published, and no private one", public, status)

    if failures:
        sys.exit("Smoke test failed:\n" + "\n".join(failures))
    print("Smoke test passed.", flush=True)


if len(sys.argv) != 2:
    sys.exit("Name the address: python delivery/smoke.py https://api.example.ca")
main(sys.argv[1].rstrip("/").removesuffix("/v1"))
