"""terraform/: formatted, valid, its own tests, and checkov's rules."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from template import ROOT

FOLDER = ROOT / "terraform"
ROOTS = [FOLDER / name for name in ("bootstrap", "global", "region", "edge")]


def loaded(file: Path) -> dict[str, Any]:
    """One file, as python-hcl2 reads it, with strings as they are meant."""
    return _loaded(file.read_text())


@cache
def _loaded(text: str) -> dict[str, Any]:
    import hcl2

    return dict(plain(hcl2.loads(text)))


def parsed(folder: Path) -> list[dict[str, Any]]:
    """The files of a module."""
    return [loaded(file) for file in sorted(folder.glob("*.tf"))]


def everywhere() -> list[tuple[Path, dict[str, Any]]]:
    """Every file of terraform/ with its path in it."""
    return [(file.relative_to(FOLDER), loaded(file)) for file in sorted(FOLDER.rglob("*.tf"))]


def plain(value: Any) -> Any:
    """Without the quotes that python-hcl2 keeps around strings and labels, and without its own notes."""
    if isinstance(value, dict):
        return {plain(key): plain(inner) for key, inner in value.items() if not str(key).startswith("__")}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value[1:-1] if isinstance(value, str) and value[:1] == value[-1:] == '"' and len(value) > 1 else value


def blocks(files: list[dict[str, Any]], kind: str, type_: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names and bodies of the resources or data sources of one type."""
    for file in files:
        for block in file.get(kind, []):
            yield from block.get(type_, {}).items()


def local(folder: Path, name: str) -> Any:
    """A module's local value, as it is written."""
    for file in parsed(folder):
        for block in file.get("locals", []):
            if name in block:
                return block[name]
    raise SystemExit(f"{folder.relative_to(FOLDER.parent)} has no local {name}")


def values(environment: str) -> dict[str, Any]:
    """What we decided for an environment."""
    return loaded(FOLDER / "environments" / f"{environment}.tfvars")


def faults() -> list[str]:
    """`TFCHECK` names a command that validates without Terraform's registry, `TFOFFLINE` one that runs terraform so."""
    checker = os.environ.get("TFCHECK")
    if checker:
        return _run([*shlex.split(checker), "terraform"]) + _tests(shlex.split(os.environ.get("TFOFFLINE", "")))
    if not shutil.which("terraform"):
        print("terraform/ was NOT validated: there is no terraform here (install it, or name a checker in TFCHECK).")
        return []
    found = _run(["terraform", "fmt", "-check", "-recursive", "terraform"])
    with tempfile.TemporaryDirectory() as cache:
        os.environ["TF_DATA_DIR"] = cache
        reachable = not _run(["terraform", f"-chdir={FOLDER / 'bootstrap'}", "init", "-backend=false", "-input=false"])
        if not reachable:
            print("terraform/ was formatted but NOT validated: Terraform's registry is out of reach (see TFCHECK).")
            return found
        for root in ROOTS:
            os.environ["TF_DATA_DIR"] = f"{cache}/{root.name}"
            found += _run(["terraform", f"-chdir={root}", "init", "-backend=false", "-input=false"])
            found += _run(["terraform", f"-chdir={root}", "validate"])
        del os.environ["TF_DATA_DIR"]
    return found + _tests([])


def _tests(offline: list[str]) -> list[str]:
    """Runs each module's tests, whose providers are mocks; `offline` runs terraform without its registry."""
    if os.environ.get("TFCHECK") and not offline:
        print("The modules' tests were NOT run: TFOFFLINE names no command that runs terraform without its registry.")
        return []

    def run(folder: Path) -> list[str]:
        with tempfile.TemporaryDirectory() as cache:
            script = (
                f"cd {shlex.quote(str(folder))} && terraform init -backend=false >/dev/null && terraform test -no-color"
            )
            return _run([*offline, "sh", "-c", script], {"TF_DATA_DIR": cache})

    with ThreadPoolExecutor(max_workers=2) as pool:
        folders = sorted(tests.parent for tests in FOLDER.rglob("tests"))
        return [fault for found in pool.map(run, folders) for fault in found]


def checkov(program: Path) -> list[str]:
    """What checkov finds; a rule that we don't follow is skipped, with the reason, where it would apply."""
    passed = ROOT / "target" / "checkov.passed"
    now = _digest()
    if passed.exists() and passed.read_text() == now:
        return []
    found = _run(
        [str(program), "-d", "terraform", "--framework", "terraform", "--skip-download", "--compact", "--quiet"]
    )
    if not found:
        passed.parent.mkdir(exist_ok=True)
        passed.write_text(now)
    return found


def _digest() -> str:
    """Of all that checkov reads, and of its own version."""
    files = [file for file in sorted(FOLDER.rglob("*")) if file.is_file() and ".terraform" not in file.parts]
    pins = Path(__file__).with_name("checkov.txt")
    return hashlib.sha256(b"".join(str(file).encode() + file.read_bytes() for file in [pins, *files])).hexdigest()


def _run(command: list[str], env: dict[str, str] | None = None) -> list[str]:
    reply = subprocess.run(command, cwd=ROOT, env=dict(os.environ) | (env or {}), capture_output=True, text=True)
    return [f"{shlex.join(command)}:\n{reply.stdout}{reply.stderr}"] if reply.returncode else []
