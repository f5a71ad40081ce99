"""The AWS calls that the other tests don't cause, so that each right of a function's role is used once.

`make test` then compares the recorded calls with the roles in template.yaml: local/checks/calls.py wants them equal.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

import boto3
from client import Unexpected, ask, require, sign_in
from lambda_runtime import ORIGIN_SECRET, LambdaRuntime
from twilio.request_validator import RequestValidator

FAMILY = "+14165550171"
FORM = "application/x-www-form-urlencoded; charset=UTF-8"
# Of a document: a second request to review it comes while the first one is at it.
LONG = 5 * 1024 * 1024
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR42mM4UZECRAwQCgAvjgaRxx1miwAAAABJRU5ErkJggg=="
)


def check(address: str) -> int:
    """Returns 0 when every function did its work."""
    faults = []
    for what in (_sessions, _documents):
        faults += _try(what.__name__.strip("_"), partial(what, address))
    _put("origin", {"current": ORIGIN_SECRET, "previous": None})
    # Nobody listens there, and nothing is reported: an error that can't be has no effect.
    _put("sentry", {"dsn": "http://public@127.0.0.1:9/1"})
    for function, work in _WORK.items():
        faults += _try(function, partial(_run, address, function, work))
    for fault in faults:
        print(fault)
    if not faults:
        print("Each function uses the rights of its role.")
    return len(faults)


def _try(what: str, work: Callable[[], None]) -> list[str]:
    try:
        work()
    except (Unexpected, OSError, KeyError) as fault:
        return [f"{what}: {fault!r}"]
    return []


def _run(address: str, function: str, work: Callable[[str, LambdaRuntime], None]) -> None:
    by_events = ("exports", "jobs", "migrate", "rollout", "urgent")
    with LambdaRuntime(function, behind_cloudfront=function not in by_events) as runtime:
        work(address, runtime)


# ----------------------------------------------------------------------------------------------- what is served already


def _sessions(address: str) -> None:
    """A refresh whose answer was lost is asked for again."""
    session, device = sign_in(address, "nurse")
    body = {"refresh_token": session["refresh_token"], "device_id": device}
    first, again = (ask(address, "POST", "/auth/refresh", body=body) for _ in range(2))
    require(first["refresh_token"] == again["refresh_token"], "the repeated refresh had another answer")


def _documents(address: str) -> None:
    """A document is reviewed twice at once, so that one copy comes too late; what stays is read, and a photo too."""
    token = sign_in(address, "coordinator")[0]["access_token"]
    client = ask(address, "GET", "/clients?name=Tremblay", token)["items"][0]["id"]
    document = _upload(address, token, _pdf(), client_id=client, kind="document", content_type="application/pdf")
    picture = _upload(address, token, PICTURE, client_id=client, kind="photo", content_type="image/png")
    for id_ in (document, picture):
        judges = [
            threading.Thread(target=ask, args=(address, "POST", f"/photos/{id_}/complete", token)) for _ in range(2)
        ]
        for judge in judges:
            judge.start()
        for judge in judges:
            judge.join()
        photo = ask(address, "GET", f"/photos/{id_}", token)
        require(bool(photo["download"]), f"the upload can't be downloaded: {photo}")
        urllib.request.urlopen(photo["download"]["url"], timeout=30).close()


def _upload(address: str, token: str, content: bytes, **what: str) -> str:
    new = {"id": str(uuid.uuid4()), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} | what
    upload = ask(address, "POST", "/photos", token, new)["upload"]
    headers = {name: value for name, value in upload["headers"].items() if name != "content-length"}
    urllib.request.urlopen(urllib.request.Request(upload["url"], content, headers, method="PUT"), timeout=30).close()
    return str(new["id"])


def _pdf() -> bytes:
    """One empty page, and a comment that makes it long."""
    file = b"%PDF-1.4\n%" + b"-" * LONG + b"\n"
    places = []
    for number, content in enumerate(
        (
            b"/Type /Catalog /Pages 2 0 R",
            b"/Type /Pages /Kids [3 0 R] /Count 1",
            b"/Type /Page /Parent 2 0 R /MediaBox [0 0 9 9]",
        ),
        1,
    ):
        places.append(len(file))
        file += b"%d 0 obj\n<< %b >>\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(file)
    return file + b"xref\n0 4\n0000000000 65535 f \n" + table + end


# ---------------------------------------------------------------------------------------------- functions by themselves


def _starts(address: str, runtime: LambdaRuntime) -> None:
    """It reads what it needs to let nobody in: every path asks for a token or a signature."""
    status, answer = runtime.ask("GET", "/v1/nothing-here")
    require(status == 404, f"an unknown path was answered {status}: {answer}")


def _forgot(address: str, auth: LambdaRuntime) -> None:
    status, answer = auth.ask("POST", "/v1/auth/forgot", body=json.dumps({"email": "aide@demo.berthcare.ca"}))
    require(status == 202, f"a password reset was answered {status}: {answer}")


def _help(address: str, alerts: LambdaRuntime) -> None:
    token = sign_in(address, "nurse")[0]["access_token"]
    client = ask(address, "GET", "/clients?limit=1", token)["items"][0]["id"]
    new = {"id": str(uuid.uuid4()), "client_id": client, "severity": "high", "reason": "fall"}
    status, answer = alerts.ask("POST", "/v1/alerts", body=json.dumps(new), authorization=f"Bearer {token}")
    require(status == 201, f"an alert was answered {status}: {answer}")


def _help_offline(address: str, sync: LambdaRuntime) -> None:
    token = sign_in(address, "nurse")[0]["access_token"]
    client = ask(address, "GET", "/clients?limit=1", token)["items"][0]["id"]
    now = int(time.time() * 1000)
    alert = {
        "id": str(uuid.uuid4()), "_status": "created", "_changed": "", "client_id": client, "visit_id": None,
        "raised_by": None, "severity": "high", "reason": "fall", "message": None, "status": "open",
        "acknowledged_by": None, "acknowledged_at": None, "escalation_level": 0, "created_at": now, "updated_at": now,
    }  # fmt: skip
    changes = {"alerts": {"created": [alert], "updated": [], "deleted": []}}
    cursor = ask(address, "GET", "/sync?last_pulled_at=0&schema_version=2", token)["timestamp"]
    status, answer = sync.ask(
        "POST", "/v1/sync", query=f"last_pulled_at={cursor}", body=json.dumps({"changes": changes}),
        authorization=f"Bearer {token}",
    )  # fmt: skip
    require(
        status == 200 and not json.loads(answer)["experimentalRejectedIds"], f"a push was answered {status}: {answer}"
    )


def _call_me(address: str, webhooks: LambdaRuntime) -> None:
    """A family writes that it wants to be called."""
    secret = _secrets().get_secret_value(SecretId=f"{os.environ['BERTHCARE_ENV']}/twilio/webhooks")["SecretString"]
    known: Mapping[str, str] = json.loads(secret)
    form = {"MessageSid": f"SM{uuid.uuid4().hex}", "From": FAMILY, "To": "+14165550199", "Body": "CALL"}
    query = f"token={known['webhook_auth_token']}"
    signature = RequestValidator(known["auth_token"]).compute_signature(f"{known['sms_webhook_url']}?{query}", form)
    status, answer = webhooks.ask(
        "POST", "/v1/sms/webhook", query=query, body=urlencode(form), content_type=FORM, x_twilio_signature=signature
    )
    require(status == 200, f"a family's reply was answered {status}: {answer}")


def _nights(address: str, jobs: LambdaRuntime) -> None:
    for job in ("dispatch", "audit-anchor", "audit-verify", "orphaned-uploads"):
        answer = jobs.invoke({"job": job})
        require("failed" not in answer, f"{job}: {answer}")


def _nothing_to_migrate_and_an_agency(address: str, migrate: LambdaRuntime) -> None:
    answer = migrate.invoke({})
    require(answer.get("applied") == [], f"the migrations answered {answer}")
    admin = {"email": "admin@rights.example.ca", "phone": "+14165550990", "first_name": "Dana", "last_name": "Singh"}
    new = {"name": "An agency of the tests", "time_zone": "America/Toronto", "admin": admin}
    answer = migrate.invoke({"command": "create-agency"} | new)
    require(answer.get("created") is True, f"a new agency was answered {answer}")


def _no_such_deployment(address: str, rollout: LambdaRuntime) -> None:
    """The emulator has no deployment; the hook says so, and is refused that, too."""
    answer = rollout.invoke({"DeploymentId": "d-A1B2C3D4E", "LifecycleEventHookExecutionId": "recorded"})
    require("failed" in answer, f"a deployment that isn't there was answered {answer}")


def _alerts(address: str, urgent: LambdaRuntime) -> None:
    """Sends what is about alerts."""
    answer = urgent.invoke({"job": "dispatch", "urgent": True})
    require(answer.get("job") == "dispatch", f"urgent answered {answer}")


def _an_export(address: str, exports: LambdaRuntime) -> None:
    """A ZIP with a photo is made and fetched; those that are over are removed."""
    token = sign_in(address, "coordinator")[0]["access_token"]
    client = ask(address, "GET", "/clients?name=Tremblay", token)["items"][0]["id"]
    export = ask(address, "POST", f"/clients/{client}/exports", token, {"format": "zip"})["id"]
    answer = exports.invoke({"job": "exports"})
    require("failed" not in answer, f"exports answered {answer}")
    progress = ask(address, "GET", f"/clients/{client}/exports/{export}", token)
    require(bool(progress["download"]), f"the export can't be downloaded: {progress}")
    urllib.request.urlopen(progress["download"]["url"], timeout=30).close()


_WORK: Mapping[str, Callable[[str, LambdaRuntime], None]] = {
    "alerts": _help,
    "auth": _forgot,
    "clients": _starts,
    "exports": _an_export,
    "health": _starts,
    "jobs": _nights,
    "migrate": _nothing_to_migrate_and_an_agency,
    "photos": _starts,
    "privacy": _starts,
    "realtime": _starts,
    "rollout": _no_such_deployment,
    "sync": _help_offline,
    "urgent": _alerts,
    "visits": _starts,
    "webhooks": _call_me,
}


# -------------------------------------------------------------------------------------------------------------- helpers


def _secrets() -> Any:
    return boto3.client("secretsmanager", region_name=os.environ["AWS_REGION"])


def _put(name: str, value: object) -> None:
    secrets, full = _secrets(), f"{os.environ['BERTHCARE_ENV']}/{name}"
    try:
        secrets.create_secret(Name=full, SecretString=json.dumps(value))
    except secrets.exceptions.ResourceExistsException:
        secrets.put_secret_value(SecretId=full, SecretString=json.dumps(value))
