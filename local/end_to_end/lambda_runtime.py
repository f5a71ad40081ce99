"""A function as Lambda runs it: a process of its own behind Lambda's runtime API, configured as in template.yaml.

The functions that cargo-lambda serves neither stand behind CloudFront nor report to Sentry, and they invoke each other
without the emulator, so that those calls to AWS are not recorded.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or Path(__file__).resolve().parents[2] / "target")
ORIGIN_SECRET = "the end-to-end tests' origin secret"
SECONDS = 60.0

_VERSION = "/2018-06-01/runtime"


class LambdaRuntime:
    """Lambda's runtime API with one function; `with LambdaRuntime("auth") as auth: auth.invoke(event)`."""

    def __init__(
        self, function: str, *, behind_cloudfront: bool = True, variables: Mapping[str, str] | None = None
    ) -> None:
        """With the stack's variables, as in template.yaml; or with `variables` and Lambda's own alone."""
        self._events: queue.Queue[tuple[str, bytes] | None] = queue.Queue()
        self._answers: queue.Queue[tuple[bool, bytes]] = queue.Queue()
        self._server = _Runtime(("127.0.0.1", 0), _handler(self._events, self._answers))
        lambdas = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_ENDPOINT_URL_LAMBDA": os.environ["AWS_ENDPOINT_URL"],
        }
        ours = {
            "BEHIND_CLOUDFRONT": str(behind_cloudfront).lower(),
            "JOBS_FUNCTION": "berthcare-staging-jobs:live",
            "SENTRY": "true",
        }
        self._env = (dict(os.environ) | ours if variables is None else dict(variables)) | lambdas
        self._function = function

    def __enter__(self) -> LambdaRuntime:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._log = Path(os.environ["LOCAL_STATE"]) / "logs" / f"runtime-{self._function}.log"
        self._log.parent.mkdir(exist_ok=True)
        with self._log.open("w") as file:
            self._process = subprocess.Popen(
                [TARGET / "debug" / self._function], env=self._env, stdout=file, stderr=file
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._events.put(None)
        self._server.shutdown()
        self._server.server_close()

    def ended_with(self) -> str | None:
        """What the function logged, where it ended by itself; none once it has answered an event, which is no event."""
        self._events.put((str(uuid.uuid4()), b'"no event"'))
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                return self._log.read_text()[-500:] or f"exit status {self._process.returncode}"
            with contextlib.suppress(queue.Empty):
                self._answers.get(timeout=0.1)
                return None
        return f"neither ended nor answered within {SECONDS:.0f} s"

    def invoke(self, event: object) -> Any:
        """The function's answer, or its error."""
        self._events.put((str(uuid.uuid4()), json.dumps(event).encode()))
        succeeded, answer = self._answers.get(timeout=SECONDS)
        return json.loads(answer) if succeeded else {"failed": answer.decode()}

    def ask(self, method: str, path: str, *, query: str = "", body: str = "", **headers: str) -> tuple[int, Any]:
        """Status and body of a request as API Gateway hands it over; `_` in a header's name stands for `-`."""
        path = unquote(path)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.invoke(
            {
                "version": "2.0",
                "routeKey": "$default",
                "rawPath": path,
                "rawQueryString": query,
                "headers": {"x-origin-secret": ORIGIN_SECRET, "content-type": "application/json"} | named,
                "requestContext": {
                    "domainName": "api.berthcare.ca",
                    "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7"},
                    "requestId": uuid.uuid4().hex,
                    "stage": "$default",
                    "timeEpoch": int(time.time() * 1000),
                },
                "isBase64Encoded": False,
                "body": body,
            }
        )
        return int(answer.get("statusCode", 0)), answer.get("body") or answer


def _handler(
    events: queue.Queue[tuple[str, bytes] | None], answers: queue.Queue[tuple[bool, bytes]]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            event = events.get()
            if event is None:
                self.close_connection = True
                return
            self.send_response(200)
            self.send_header("lambda-runtime-aws-request-id", event[0])
            self.send_header("lambda-runtime-deadline-ms", str(int((time.time() + SECONDS) * 1000)))
            self.send_header(
                "lambda-runtime-invoked-function-arn", "arn:aws:lambda:ca-central-1:123456789012:function:x"
            )
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(event[1])))
            self.end_headers()
            self.wfile.write(event[1])

        def do_POST(self) -> None:
            if "chunked" in self.headers.get("transfer-encoding", ""):
                body = b"".join(iter(self._chunk, b""))
            else:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
            if self.path.startswith(f"{_VERSION}/invocation/") or self.path.endswith("/init/error"):
                answers.put((self.path.endswith("/response"), body))
            self.send_response(202)
            self.send_header("content-length", "0")
            self.end_headers()

        def _chunk(self) -> bytes:
            content = self.rfile.read(int(self.rfile.readline(), 16))
            self.rfile.readline()
            return content

        def log_message(self, format: str, *arguments: Any) -> None:
            """The function has a log of its own."""

    return Handler


class _Runtime(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """At its end the function breaks off in the middle of waiting."""
