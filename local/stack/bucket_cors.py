"""Which pages may read and write the buckets: S3's part of CORS, by the rules of terraform/modules/storage, from which
this reads them, so that the local stack can't allow anything else. The emulator by itself lets every page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

_RULES = Path(__file__).resolve().parents[2] / "terraform" / "modules" / "storage" / "main.tf"
_BUCKET = re.compile(r"(\w+) += \{ bucket = module\.\w+\.name, methods = \[(.*?)\] \}")
_HEADERS = re.compile(r"allowed_headers = \[(.*?)\]")
_AGE = re.compile(r"max_age_seconds = (\d+)")


def _quoted(text: str) -> list[str]:
    return re.findall(r'"([^"]+)"', text)


class BucketCors:
    """The emulator, as browsers find it."""

    def __init__(self, inner: Wsgi, origins: str) -> None:
        text = _RULES.read_text()
        headers, age = _HEADERS.search(text), _AGE.search(text)
        self._inner = inner
        self._origins = {origin.strip() for origin in origins.split(",")}
        self._methods = {bucket: _quoted(methods) for bucket, methods in _BUCKET.findall(text)}
        if not headers or not age or not self._methods:
            raise SystemExit(f"{_RULES} has another shape than local/stack/bucket_cors.py reads")
        self._headers, self._age = _quoted(headers[1]), age[1]

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        origin = environ.get("HTTP_ORIGIN", "")
        if not origin:
            return self._inner(environ, start)
        wanted = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
        preflight = environ["REQUEST_METHOD"] == "OPTIONS" and wanted is not None
        method = wanted if preflight else environ["REQUEST_METHOD"]
        allowed = origin in self._origins and method in self._of(environ.get("PATH_INFO", "/"))
        given = [("access-control-allow-origin", origin), ("vary", "Origin")] if allowed else []
        if not preflight:
            return self._inner(environ, lambda status, headers, *rest: start(status, [*headers, *given], *rest))
        asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "").lower().replace(" ", "").split(",")
        if not allowed or set(asked) - {"", *self._headers}:
            start("403 Forbidden", [("content-type", "text/plain")])
            return [b"This CORS request is not allowed."]
        given += [
            ("access-control-allow-methods", str(method)), ("access-control-allow-headers", ", ".join(asked)),
            ("access-control-max-age", self._age), ("content-length", "0"),
        ]  # fmt: skip
        start("200 OK", given)
        return [b""]

    def _of(self, path: str) -> list[str]:
        """The methods that pages may use on the bucket of this path."""
        bucket = path.lstrip("/").partition("/")[0]
        return next((methods for kind, methods in self._methods.items() if f"-{kind}-" in bucket), [])
