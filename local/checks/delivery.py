"""delivery/deploy.py and contract.py against stand-ins for sam and AWS: what they do, and in which order."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import template
from template import ROOT

_SAM = """#!{python}
import sys, urllib.request
command = sys.argv[1]
if command == "package":
    written = open(sys.argv[sys.argv.index("--template-file") + 1]).read()
    for archive in set(__import__("re").findall(r'"([^"]*bootstrap[.]zip)"', written)):
        written = written.replace(archive, "s3://releases/" + archive.split("/")[-2])
    open(sys.argv[sys.argv.index("--output-template-file") + 1], "w").write(written)
urllib.request.urlopen("{address}/sam/" + command, data=b"").close()
"""


@dataclass
class _Account:
    """What the stand-in for AWS has, and what it was asked to do."""

    deployed: bool = True
    migration_fails: bool = False
    shifting: bool = False
    serves: str = "2"
    done: list[str] = field(default_factory=list)


def _answer(account: _Account, method: str, path: str, body: bytes) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON; notes what changes something."""
    if path.startswith("/sam/"):
        account.done.append(path[1:])
        return 200, {}, {}
    if path == "/":
        return 200, {}, {"Parameter": {"Name": json.loads(body)["Name"], "Value": "releases"}}
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
        case "GET", "/aliases/live":
            weights = {"RoutingConfig": {"AdditionalVersionWeights": {"3": 0.1}}} if account.shifting else {}
            return 200, {}, {"FunctionVersion": account.serves} | weights
        case "GET", "/versions":
            return 200, {}, {"Versions": [{"Version": version} for version in ("$LATEST", "1", "2")]}
        case _:
            raise AssertionError(f"{method} {path}")


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
            self.wfile.write(json.dumps(value).encode())

        do_POST = do_PUT = do_GET

        def log_message(self, format: str, *arguments: Any) -> None:
            """What matters is noted."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


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
        command = [sys.executable, f"delivery/{program}.py", "staging"]
        reply = subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True)
        if "Traceback" in reply.stderr:
            account.done.append(reply.stderr)
        return reply.returncode


_MIGRATED = "invoke berthcare-staging-migrate Qualifier=%24LATEST {}"
_CONTRACTED = 'invoke berthcare-staging-migrate Qualifier=live {"phase": "contract"}'
_NEW_CODE = "code of berthcare-staging-migrate: migrate"

# What is run, in which account, what it must do, and whether it succeeds.
_CASES: list[tuple[str, str, _Account, list[str], bool]] = [
    ("a release", "deploy", _Account(), ["sam/package", _NEW_CODE, _MIGRATED, "sam/deploy"], True),
    ("the first release", "deploy", _Account(deployed=False), ["sam/package", "sam/deploy", _MIGRATED], True),
    ("a failing migration", "deploy", _Account(migration_fails=True), ["sam/package", _NEW_CODE, _MIGRATED], False),
    ("a contraction", "contract", _Account(), [_CONTRACTED], True),
    ("a contraction that fails", "contract", _Account(migration_fails=True), [_CONTRACTED], False),
    ("a contraction while traffic shifts", "contract", _Account(shifting=True), [], False),
    ("a contraction after a release was taken back", "contract", _Account(serves="1"), [], False),
]


def faults() -> list[str]:
    found = []
    for what, program, account, expected, succeeds in _CASES:
        account.done.clear()
        code = _run(program, account)
        if account.done != expected or (code == 0) != succeeds:
            found.append(f"{what} ended with {code} after {account.done}, not after {expected}")
    unbuilt = _Account()
    if _run("deploy", unbuilt, without="sync") == 0 or unbuilt.done:
        found.append(f"a release without one function's code did {unbuilt.done}")
    return found
