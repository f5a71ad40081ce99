"""delivery/deploy.py and contract.py against stand-ins for sam and AWS: what they do, and in which order."""

from __future__ import annotations

import io
import json
import os
import re
import runpy
import shutil
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from unittest.mock import patch

import template
from template import ROOT

sys.path.insert(0, str(ROOT / "local"))

import loopback  # noqa: E402

_SAM = """#!{python}
import sys, urllib.request
command = sys.argv[1]
if command == "package":
    written = open(sys.argv[sys.argv.index("--template-file") + 1]).read()
    for archive in set(__import__("re").findall(r'"([^"]*bootstrap[.]zip)"', written)):
        written = written.replace(archive, "s3://releases/" + archive.split("/")[-2])
    open(sys.argv[sys.argv.index("--output-template-file") + 1], "w").write(written)
told = sys.argv[sys.argv.index("--parameter-overrides") + 1 : -2] if command == "deploy" else []
urllib.request.urlopen("{address}/sam/" + command, data="\\n".join(told).encode()).close()
"""


@dataclass
class _Account:
    """What the stand-in for AWS has, and what it was asked to do."""

    deployed: bool = True
    migration_fails: bool = False
    shifting: bool = False
    serves: str = "2"
    dsn: bool = True
    parameters: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)


def _answer(account: _Account, method: str, path: str, body: bytes) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON; notes what changes something."""
    if path.startswith("/sam/"):
        account.done.append(path[1:])
        account.parameters = dict(line.split("=", 1) for line in body.decode().splitlines())
        return 200, {}, {}
    if path.startswith("/releases"):
        return _bucket(account, method, path, body)
    if path == "/":
        return _by_target(account, body)
    asked = re.fullmatch(r"/\d{4}-\d\d-\d\d/functions/(?P<name>[\w-]+)(?P<what>/[\w/]+)?(\?(?P<query>.*))?", path)
    assert asked, path
    match method, asked["what"]:
        case "GET", None if not account.deployed and "sam/deploy" not in account.done:
            return 404, {"x-amzn-errortype": "ResourceNotFoundException"}, {"Message": "not found"}
        case "GET", None:
            return 200, {}, {"Configuration": {"State": "Active", "LastUpdateStatus": "Successful"}}
        case "PUT", "/code":
            account.done.append(f"code of {asked['name']}: {json.loads(body)['S3Key']}")
            return 200, {}, {}
        case "POST", "/invocations":
            account.done.append(f"invoke {asked['name']} {asked['query']} {body.decode()}")
            failed = {"x-amz-function-error": "Unhandled"} if account.migration_fails else {}
            return 200, failed, {"applied": [], "waiting": []}
        case "PUT", "/aliases/live":
            account.done.append(f"{asked['name']} serves {json.loads(body)['FunctionVersion']}")
            return 200, {}, {}
        case "GET", "/aliases/live":
            weights = {"RoutingConfig": {"AdditionalVersionWeights": {"3": 0.1}}} if account.shifting else {}
            return 200, {}, {"FunctionVersion": account.serves} | weights
        case "GET", "/versions":
            return 200, {}, {"Versions": [{"Version": version} for version in ("$LATEST", "1", "2")]}
        case _:
            raise AssertionError(f"{method} {path}")


def _by_target(account: _Account, body: bytes) -> tuple[int, dict[str, str], Any]:
    """What is asked for by a body: SSM and Secrets Manager by JSON, RDS by a form."""
    if body[:1] != b"{":
        action = dict(pair.split("=", 1) for pair in body.decode().split("&"))["Action"]
        if action == "CreateDBSnapshot":
            account.done.append("snapshot")
            return 200, {}, "<CreateDBSnapshotResponse><CreateDBSnapshotResult/></CreateDBSnapshotResponse>"
        snapshot = "<DBSnapshots><DBSnapshot><Status>available</Status></DBSnapshot></DBSnapshots>"
        answer = f"<DescribeDBSnapshotsResult>{snapshot}</DescribeDBSnapshotsResult>"
        return 200, {}, f"<DescribeDBSnapshotsResponse>{answer}</DescribeDBSnapshotsResponse>"
    asked = json.loads(body)
    if "SecretId" in asked:
        return 200, {}, {"Name": asked["SecretId"], "VersionIdsToStages": {"1": ["AWSCURRENT"]} if account.dsn else {}}
    value = "https://portal.example.ca" if asked["Name"].endswith("portal-origins") else "releases"
    return 200, {}, {"Parameter": {"Name": asked["Name"], "Value": value}}


def _bucket(account: _Account, method: str, path: str, body: bytes) -> tuple[int, dict[str, str], Any]:
    """The bucket of releases, where notes of versions lie."""
    if method == "PUT":
        account.done.append("note " + json.loads(body)["sync"])
        return 200, {}, ""
    if "list-type=2" in path:
        keys = "".join(f"<Contents><Key>versions/{name}.json</Key></Contents>" for name in account.notes)
        return 200, {}, f"<ListBucketResult><IsTruncated>false</IsTruncated>{keys}</ListBucketResult>"
    return 200, {}, account.notes[Path(path).stem]


@contextmanager
def _aws(account: _Account) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            status, headers, value = _answer(account, self.command, self.path, body)
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write((value if isinstance(value, str) else json.dumps(value)).encode())

        do_POST = do_PUT = do_GET

        def log_message(self, format: str, *arguments: Any) -> None:
            """What matters is noted."""

    with loopback.serving(Handler) as address:
        yield address


def _run(program: str, account: _Account, *, without: str = "") -> int:
    """Runs it in a copy of what it needs, where every function was built but the one named."""
    with tempfile.TemporaryDirectory() as folder, _aws(account) as address:
        copy = Path(folder)
        shutil.copytree(ROOT / "delivery", copy / "delivery")
        for name in ("template.yaml", "samconfig.toml"):
            shutil.copy(ROOT / name, copy / name)
        for name in set(template.functions()) - {without}:
            (copy / "target" / "lambda" / name).mkdir(parents=True)
            (copy / "target" / "lambda" / name / "bootstrap.zip").touch()
        sam = copy / "bin" / "sam"
        sam.parent.mkdir()
        sam.write_text(_SAM.format(python=sys.executable, address=address))
        sam.chmod(0o755)
        keys = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "none")
        env = {"PATH": f"{sam.parent}:{os.environ['PATH']}", "AWS_ENDPOINT_URL": address, "HOME": folder} | keys
        # Buckets by path, since no name leads here.
        (copy / "aws.config").write_text("[default]\ns3 =\n  addressing_style = path\n")
        env["AWS_CONFIG_FILE"] = str(copy / "aws.config")
        # Buckets by path, since no name leads here.
        (copy / "aws.config").write_text("[default]\ns3 =\n  addressing_style = path\n")
        env["AWS_CONFIG_FILE"] = str(copy / "aws.config")
        return _in_process(copy, program.split(), env, account)


def _in_process(copy: Path, program: list[str], env: dict[str, str], account: _Account) -> int:
    """As a process of its own would, without the seconds that AWS's libraries take to load."""
    import boto3

    script = copy / "delivery" / f"{program[0]}.py"
    ours = {file.stem for file in script.parent.glob("*.py")}
    for name in ours & set(sys.modules):
        del sys.modules[name]
    boto3.DEFAULT_SESSION = None
    arguments = [str(script), "staging", *program[1:]]
    with (
        patch.dict(os.environ, env), patch.object(sys, "argv", arguments),
        patch.object(sys, "path", [str(script.parent), *sys.path]), redirect_stdout(io.StringIO()),
    ):  # fmt: skip
        for name in ("AWS_REGION", "CARGO_TARGET_DIR"):
            os.environ.pop(name, None)
        try:
            runpy.run_path(str(script), run_name="__main__")
        except SystemExit as ended:
            return 0 if ended.code in (None, 0) else 1
        except Exception:
            account.done.append(traceback.format_exc())
            return 1
        finally:
            for name in ours & set(sys.modules):
                del sys.modules[name]
    return 0


_MIGRATED = "invoke berthcare-staging-migrate Qualifier=%24LATEST {}"
_CONTRACTED = 'invoke berthcare-staging-migrate Qualifier=live {"phase": "contract"}'
_NEW_CODE = "code of berthcare-staging-migrate: migrate"

_AGENCY = json.dumps({
    "command": "create-agency", "name": "One", "time_zone": "America/Toronto", "locale": "en-CA",
    "admin": {"email": "a@b.ca", "phone": "+14165550901", "first_name": "Admin", "last_name": "One"},
})  # fmt: skip
_NOTE = "note 2"
_BACK = json.dumps({"sync": "1", "visits": "2", "migrate": "1"})

# What is run, in which account, what it must do, and whether it succeeds.
_CASES: list[tuple[str, str, _Account, list[str], bool]] = [
    ("a release", "deploy", _Account(), ["sam/package", _NEW_CODE, _MIGRATED, "sam/deploy", _NOTE], True),
    ("the first release", "deploy", _Account(deployed=False), ["sam/package", "sam/deploy", _MIGRATED, _NOTE], True),
    ("a failing migration", "deploy", _Account(migration_fails=True), ["sam/package", _NEW_CODE, _MIGRATED], False),
    ("a contraction", "contract", _Account(), ["snapshot", _CONTRACTED], True),
    ("a contraction that fails", "contract", _Account(migration_fails=True), ["snapshot", _CONTRACTED], False),
    ("a contraction while traffic shifts", "contract", _Account(shifting=True), [], False),
    ("a contraction after a release was taken back", "contract", _Account(serves="1"), [], False),
    ("a look at what served", "versions", _Account(notes={"20261121T140500Z": _BACK}), [], True),
    # Only what serves another version, and never `migrate`: a schema doesn't go back.
    (
        "going back", "versions 20261121T140500Z", _Account(notes={"20261121T140500Z": _BACK}),
        ["berthcare-staging-sync serves 1"], True,
    ),
    (
        "an agency", "agencies create NAME=One TIME_ZONE=America/Toronto ADMIN_EMAIL=a@b.ca ADMIN_PHONE=+14165550901",
        _Account(), [f"invoke berthcare-staging-migrate Qualifier=live {_AGENCY}"], True,
    ),
    ("an agency without a name", "agencies create TIME_ZONE=America/Toronto", _Account(), [], False),
    (
        "an agency that is refused", "agencies suspend AGENCY=x", _Account(migration_fails=True),
        ['invoke berthcare-staging-migrate Qualifier=live {"command": "suspend-agency", "id": "x"}'], False,
    ),
    ("going back to nowhere", "versions 20250101T000000Z", _Account(notes={"20261121T140500Z": _BACK}), [], False),
]  # fmt: skip


def _parameters() -> Iterator[str]:
    """What a release tells the template: names of this environment, how traffic shifts, and whether there is a DSN."""
    for what, program, dsn, wanted in (
        ("a release", "deploy", True, {"Rollout": "Canary10Percent5Minutes", "ReportToSentry": "true"}),
        ("an emergency", "deploy --at-once", True, {"Rollout": "AllAtOnce"}),
        ("a release without a DSN", "deploy", False, {"ReportToSentry": "false"}),
    ):
        account = _Account(dsn=dsn)
        _run(program, account)
        wanted |= {"Environment": "staging", "PortalOrigins": "https://portal.example.ca"}
        wanted |= {"PhotosBucket": "/berthcare/staging/storage/photos-bucket"}
        told = account.parameters
        missing = set(template.source()["Parameters"]) - set(told)
        if (
            missing
            or any(told.get(name) != value for name, value in wanted.items())
            or len(told["ConfigurationDigest"]) < 16
        ):
            yield f"{what} tells the template {told}, of which {sorted(missing)} is missing"


def faults() -> list[str]:
    return list(found())


def found() -> Iterator[str]:
    """The faults, one after another."""
    for what, program, account, expected, succeeds in _CASES:
        account.done.clear()
        code = _run(program, account)
        if account.done != expected or (code == 0) != succeeds:
            yield f"{what} ended with {code} after {account.done}, not after {expected}"
    yield from _parameters()
    unbuilt = _Account()
    if _run("deploy", unbuilt, without="sync") == 0 or unbuilt.done:
        yield f"a release without one function's code did {unbuilt.done}"
