"""Stand-ins for what the runbooks' commands reach: AWS's command line, the API, GitHub, Terraform, the database.

`aws` is held to AWS's own models: an operation that exists, parameters that it takes and those that it demands; and it
answers
what that operation answers, so that a query or a jq expression behind it must find something. `curl` answers as the
OpenAPI
document says. The others are noted, as far as they are ours.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from template import ROOT

sys.path.insert(0, str(ROOT / "local"))

import loopback  # noqa: E402

API = "https://api.staging.example.ca"
# Under another name on the command line.
_SERVICES = {"deploy": "codedeploy", "s3api": "s3"}
# The command line's own, beside the services' operations.
_OWN = {"logs tail", "sso login"}
_GLOBAL = {"cli-binary-format", "output", "profile", "query", "region"}
_BARE = {
    "apply-immediately",
    "deletion-protection",
    "manage-master-user-password",
    "multi-az",
    "rotate-master-user-password",
}
# What an answer holds, where a word of the right type would not do.
_VALUES = {
    "Account": "123456789012", "DBSubnetGroupName": "berthcare-staging", "Status": "COMPLETED", "State": "AVAILABLE",
    "CreationDate": "2026-11-21T14:05:00Z", "SecretString": '{"password": "x"}',
    "RestoreMetadata": {"DBName": "berthcare"},
    "FunctionVersion": "2", "Version": "2", "SecretArn": "arn:aws:secretsmanager:ca-central-1:123456789012:secret:x",
}  # fmt: skip
# The Makefile's targets are words at the beginning of a line.
_TARGETS = re.compile(r"^([\w-]+):", re.MULTILINE)


class Fault(Exception):
    """What is wrong with a command."""


def answer(program: str, arguments: list[str]) -> str:
    """What a program writes."""
    match program:
        case "aws":
            return _aws(arguments)
        case "curl":
            return _curl(arguments)
        case "make":
            targets = set(_TARGETS.findall((ROOT / "Makefile").read_text()))
            wanted = [one for one in arguments if "=" not in one and not one.startswith("-")]
            if missing := [one for one in wanted if one not in targets]:
                raise Fault(f"the Makefile has no {', '.join(missing)}")
            return ""
        case "terraform":
            return _terraform(arguments)
        case "gh":
            return "1\n"
        case "python3":
            if not (ROOT / arguments[0]).exists():
                raise Fault(f"{arguments[0]} isn't there")
            return ""
        case _:
            return ""


def _terraform(arguments: list[str]) -> str:
    command = [one for one in arguments if not one.startswith("-")]
    if not command or command[0] not in {"apply", "import", "init", "plan", "providers", "state"}:
        raise Fault(f"terraform {' '.join(arguments)}")
    folder = next((one.removeprefix("-chdir=") for one in arguments if one.startswith("-chdir=")), "")
    if not (ROOT / folder).is_dir():
        raise Fault(f"{folder} isn't there")
    for file in (one.split("=", 1)[1] for one in arguments if one.startswith("-var-file=")):
        if not file.endswith(".account.tfvars") and not (ROOT / folder / file).exists():
            raise Fault(f"{folder}/{file} isn't there")
    text = "".join(file.read_text() for file in (ROOT / folder).glob("*.tf"))
    for name in (one.split("=")[1] for one in arguments if re.match(r"-var=\w", one)):
        if f'variable "{name}"' not in text:
            raise Fault(f"{folder} has no variable {name}")
    return ""


def _aws(arguments: list[str]) -> str:
    service, operation, *rest = arguments
    if f"{service} {operation}" in _OWN:
        return ""
    if operation == "wait":
        if rest[0].replace("-", "_") not in _client(service).waiter_names:
            raise Fault(f"there is no waiter {rest[0]}")
        return ""
    operations = _operations(service)
    if operation not in operations:
        raise Fault(f"there is no operation {service} {operation}")
    model, given = operations[operation], _options(rest)
    members = {_dashed(name): name for name in getattr(model.input_shape, "members", {})}
    named = {one.removeprefix("no-") if one not in members else one for one in given} - _GLOBAL
    if operation == "invoke":
        rest[-1:] = []
    if unknown := sorted(named - set(members)):
        raise Fault(f"{service} {operation} takes no {', '.join(unknown)}")
    required = {_dashed(name) for name in getattr(model.input_shape, "required_members", [])}
    if missing := sorted(required - named):
        raise Fault(f"{service} {operation} wants {', '.join(missing)}")
    for name in named & set(given):
        _check_value(model.input_shape.members[members[name]], given[name])
    return _written(_answered(service, operation, model, given), given)


def _options(words: list[str]) -> dict[str, list[str]]:
    """Options with their values; a word that belongs to none is an operand, such as invoke's file."""
    options: dict[str, list[str]] = {}
    current = ""
    for word in words:
        if word.startswith("--"):
            current = word[2:]
            options[current] = []
        elif current and current not in _BARE and not current.startswith("no-"):
            options[current].append(word)
    return options


def _check_value(shape: Any, values: list[str]) -> None:
    """A structure's parts are those that it has, whether in JSON, in a file, or as Key=Value."""
    inner = shape.member if shape.type_name == "list" else shape
    if inner.type_name != "structure":
        return
    for value in values:
        if value.startswith("{"):
            keys = set(json.loads(value))
        elif re.match(r"\w+=", value):
            keys = set(re.findall(r"(?:^|,)(\w+)=", value))
        else:
            continue
        if unknown := keys - set(inner.members):
            raise Fault(f"{inner.name} has no {', '.join(sorted(unknown))}")


def _answered(service: str, operation: str, model: Any, given: dict[str, list[str]]) -> Any:
    if (service, operation) == ("ssm", "get-parameter"):
        name = given["name"][0]
        value = API if name.endswith("public-url") else f"value-of-{name.rsplit('/', 1)[-1]}"
        return {"Parameter": {"Name": name, "Value": value}}
    return {} if model.output_shape is None else _sample(model.output_shape, 0)


def _sample(shape: Any, depth: int) -> Any:
    """One of everything that an answer may hold."""
    match shape.type_name:
        case "structure" if depth < 7:
            return {
                name: _VALUES[name]
                if name in _VALUES and member.type_name != "structure"
                else _sample(member, depth + 1)
                for name, member in shape.members.items()
            }
        case "list":
            return [_sample(shape.member, depth + 1)] if depth < 7 else []
        case "map":
            return {"key": _sample(shape.value, depth + 1)} if depth < 7 else {}
        case "integer" | "long" | "float" | "double":
            return 1
        case "boolean":
            return True
        case "timestamp":
            return "2026-11-21T14:05:00Z"
        case _:
            return str(shape.enum[0]) if getattr(shape, "enum", None) else f"a-{shape.name.lower()}"


def _written(value: Any, given: dict[str, list[str]]) -> str:
    import jmespath

    if "query" in given:
        value = jmespath.search(given["query"][0], value)
        if value is None or value in ([], [[]], {}) or (isinstance(value, list) and None in value):
            raise Fault(f"the query {given['query'][0]} finds nothing in the answer")
    if given.get("output") == ["text"]:
        return _text(value) + "\n"
    return json.dumps(value, indent=1) + "\n"


def _text(value: Any) -> str:
    if isinstance(value, list):
        separator = "\n" if any(isinstance(inner, list) for inner in value) else "\t"
        return separator.join(_text(inner) for inner in value)
    return str(value)


def _curl(arguments: list[str]) -> str:
    method = arguments[arguments.index("-X") + 1] if "-X" in arguments else "GET"
    url = next(one for one in arguments if one.startswith("https://"))
    told = "204" if method == "DELETE" else "200"
    if "execute-api" in " ".join(arguments) or "--connect-to" in arguments:
        return "403"
    if not url.startswith(f"{API}/"):
        return "-----BEGIN CERTIFICATE-----\n"
    path = url.removeprefix(API).split("?")[0]
    document = json.loads((ROOT / "functions" / "health" / "openapi.json").read_text())
    found = next((one for one in document["paths"] if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one), path)), None)
    if found is None or method.lower() not in document["paths"][found]:
        raise Fault(f"the API has no {method} {path}")
    answers = document["paths"][found][method.lower()]["responses"]
    body = answers.get(told, {}).get("content", {}).get("application/json", {})
    written = json.dumps(body.get("example") or _example(document, body["schema"])) if body else ""
    return written + (told if "-w" in arguments else "")


def _example(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    """A value that a schema describes, with every property."""
    if "$ref" in schema:
        return _example(document, document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]])
    for several in ("allOf", "oneOf", "anyOf"):
        if several in schema:
            parts = [_example(document, part) for part in schema[several] if part.get("type") != "null"]
            merged = {key: value for part in parts if isinstance(part, dict) for key, value in part.items()}
            return merged or parts[0]
    kind = schema.get("type", "object")
    kind = next(one for one in kind if one != "null") if isinstance(kind, list) else kind
    if kind == "object":
        return {name: _example(document, inner) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [_example(document, schema["items"])]
    return {"integer": 1, "number": 1.5, "boolean": True}.get(kind, "a-string")


@cache
def _client(service: str) -> Any:
    import boto3

    return boto3.client(_SERVICES.get(service, service), region_name="ca-central-1")


@cache
def _operations(service: str) -> dict[str, Any]:
    """An API's operations, as the command line writes them."""
    model = _client(service).meta.service_model
    return {_dashed(name): model.operation_model(name) for name in model.operation_names}


def _dashed(name: str) -> str:
    from botocore import xform_name

    return str(xform_name(name, "-"))


@contextmanager
def serving(folder: Path) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Puts the programs into a folder; the environment that finds them first, and where their faults are noted."""
    faults: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            words = self.rfile.read(int(self.headers["content-length"])).decode().split("\0")[:-1]
            status, text = 200, ""
            try:
                text = answer(self.path[1:], words)
            except Fault as fault:
                status = 400
                faults.append(f"{self.path[1:]} {' '.join(words)}: {fault}")
            except Exception as fault:
                status = 400
                faults.append(f"{self.path[1:]} {' '.join(words)}: {fault!r}")
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *arguments: Any) -> None:
            """What matters is noted."""

    programs = folder / "bin"
    programs.mkdir()
    with loopback.serving(Handler) as address:
        for name in ("aws", "curl", "gh", "git", "make", "psql", "python3", "shred", "terraform"):
            stub = programs / name
            own = 'case "$1" in delivery/signing_key.py) exec /usr/bin/env -i PATH=/usr/bin:/bin python3 "$@";; esac\n'
            stub.write_text(
                "#!/bin/bash\n"
                + (own if name == "python3" else "")
                + ('for f in "$@"; do [ -f "$f" ] && rm "$f"; done; exit 0\n' if name == "shred" else "")
                + f"printf '%s\\0' \"$@\" | $REAL_CURL -sf --data-binary @- {address}/{name}\n"
            )
            stub.chmod(0o755)
        yield {"PATH": str(programs)}, faults
