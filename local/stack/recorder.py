"""The emulator, which records the calls to AWS: `python recorder.py PORT FILE`.

A function names itself in each request's User-Agent. FILE gets one line for each caller, action and resource, at the
first time; an object counts by its bucket and the first part of its key. local/checks/calls.py compares them with what
template.yaml allows.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from bucket_cors import BucketCors
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

_CALLER = re.compile(r"\bapp/([\w-]+)")
_LAMBDA = re.compile(r"^/2015-03-31/functions/(?:berthcare-[a-z]+-)?([^/]+)/invocations")
# What one call asks IAM for, where that isn't the call's own name.
_TRANSACTED = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
_OBJECT = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "POST": "PutObject", "DELETE": "DeleteObject"}


class Recorder:
    """The emulator's application, with a notebook."""

    def __init__(self, inner: Wsgi, file: Path) -> None:
        self._inner = inner
        self._file = file
        self._known: set[str] = set()
        self._lock = threading.Lock()
        self._tables = threading.Lock()

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        if caller := _CALLER.search(environ.get("HTTP_USER_AGENT", "")):
            for action, resource in _asked(environ):
                self._note(f"{caller[1]} {action} {resource}")
        # A URL signed ahead is used by somebody who has no name; only one function signs any.
        elif "X-Amz-Signature=" in environ.get("QUERY_STRING", ""):
            for action, resource in _asked(environ):
                self._note(f"signed {action} {resource}")
        if environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB_"):
            # A conditional write is atomic in DynamoDB. The emulator reads and then writes: two could read first.
            with self._tables:
                return list(self._inner(environ, start))
        return self._inner(environ, start)

    def _note(self, line: str) -> None:
        with self._lock:
            if line not in self._known:
                self._known.add(line)
                with self._file.open("a") as file:
                    print(line, file=file)


def _asked(environ: Environ) -> Iterator[tuple[str, str]]:
    """What IAM would be asked for this request: action and resource."""
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    path = environ.get("PATH_INFO", "/")
    if target.startswith("DynamoDB"):
        body = _body(environ)
        operation = target.rsplit(".", 1)[-1]
        for item in body.get("TransactItems", [None]):
            name = _TRANSACTED[next(iter(item))] if item else operation
            yield f"dynamodb:{name}", "table"
    elif target.startswith("secretsmanager"):
        name = str(_body(environ).get("SecretId", ""))
        yield f"secretsmanager:{target.rsplit('.', 1)[-1]}", name.split("/", 1)[-1].replace("/", "-")
    elif target.startswith("CodeDeploy"):
        yield f"codedeploy:{target.rsplit('.', 1)[-1]}", "*"
    elif invoked := _LAMBDA.match(path):
        yield "lambda:InvokeFunction", invoked[1]
    elif not target:
        bucket, _, key = path.lstrip("/").partition("/")
        kind = next((kind for kind in ("photos", "documents", "exports", "anchors") if kind in bucket), bucket)
        query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        if not key:
            yield "s3:ListBucketVersions" if "versions" in query else "s3:ListBucket", kind
            return
        place = f"{kind}/{key.partition('/')[0]}/"
        method = environ["REQUEST_METHOD"]
        # Of one version S3 asks for a right of its own.
        version = "Version" if "versionId" in query and method != "PUT" else ""
        aborts = method == "DELETE" and "uploadId" in query
        yield "s3:AbortMultipartUpload" if aborts else f"s3:{_OBJECT[method]}{version}", place
        if method == "PUT" and "HTTP_X_AMZ_COPY_SOURCE" in environ:
            yield "s3:GetObject", place
        if method == "PUT" and ("HTTP_X_AMZ_OBJECT_LOCK_MODE" in environ or "retention" in query):
            yield "s3:PutObjectRetention", place


def _body(environ: Environ) -> dict[str, Any]:
    """The request's JSON, which stays to be read again."""
    text = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(text)
    return dict(json.loads(text or b"{}"))


if __name__ == "__main__":
    application = Recorder(DomainDispatcherApplication(create_backend_app), Path(sys.argv[2]))
    run_simple(
        "127.0.0.1",
        int(sys.argv[1]),
        BucketCors(application, os.environ["PORTAL_ORIGINS"]),
        threaded=True,
        use_reloader=False,
        request_handler=MotoRequestHandler,
    )
