"""terraform/: formatted, valid, its own tests, and checkov's rules."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from template import ROOT

FOLDER = ROOT / "terraform"
ROOTS = [FOLDER / "bootstrap", *sorted((FOLDER / "environments").iterdir())]


def parsed(folder: Path) -> list[dict[str, Any]]:
    """The files of a module, as python-hcl2 reads them."""
    import hcl2

    return [hcl2.loads(file.read_text()) for file in sorted(folder.glob("*.tf"))]


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
    found = []
    for folder in sorted(tests.parent for tests in FOLDER.glob("modules/*/tests")):
        with tempfile.TemporaryDirectory() as cache:
            script = (
                f"cd {shlex.quote(str(folder))} && terraform init -backend=false >/dev/null && terraform test -no-color"
            )
            found += _run([*offline, "sh", "-c", script], {"TF_DATA_DIR": cache})
    return found


def checkov(program: Path) -> list[str]:
    """What checkov finds; a rule that we don't follow is skipped, with the reason, where it would apply."""
    return _run(
        [str(program), "-d", "terraform", "--framework", "terraform", "--skip-download", "--compact", "--quiet"]
    )


def _run(command: list[str], env: dict[str, str] | None = None) -> list[str]:
    reply = subprocess.run(command, cwd=ROOT, env=dict(os.environ) | (env or {}), capture_output=True, text=True)
    return [f"{shlex.join(command)}:\n{reply.stdout}{reply.stderr}"] if reply.returncode else []
