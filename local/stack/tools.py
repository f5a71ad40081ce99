"""The programs a stack needs: Rust is the user's to install, the Python ones go into local/.venv."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
import venv
from pathlib import Path

from console import StackError, step
from folders import ROOT, VENV
from processes import Processes

BIN = VENV / "bin"
_FILES = [ROOT / "local" / "requirements.txt", ROOT / "local" / "constraints.txt"]


def path() -> str:
    """PATH with our tools first; last what local/need installs, and rustup's folder, which shells may not know."""
    last = [ROOT / "local" / ".tools" / "bin", Path.home() / ".cargo" / "bin"]
    return os.pathsep.join([str(BIN), os.environ.get("PATH", ""), *map(str, last)])


def require_cargo() -> None:
    if shutil.which("cargo", path=path()) is None:
        raise StackError("Rust is missing: install it with rustup (https://rustup.rs) and try again.")


def install(processes: Processes) -> None:
    """Installs local/requirements.txt, unless exactly that is there already."""
    _install(processes, VENV, _FILES, "-r", str(_FILES[0]), "-c", str(_FILES[1]))


# Tools whose dependencies don't get on with the others', or that few need: by name, the file that pins them.
SEPARATE = {
    "checks": ROOT / "local" / "checks" / "checks.txt",
    "checkov": ROOT / "local" / "checks" / "checkov.txt",
    "sam": ROOT / "delivery" / "requirements.txt",
}


def install_separately(processes: Processes, name: str) -> Path:
    """Installs one of those into a virtual environment of its own, and returns the folder of its programs."""
    file = SEPARATE[name]
    folder = VENV.with_name(f".venv-{name}")
    # What deploys holds the keys of an account: its archives are those that were looked at.
    checked = ["--require-hashes"] if name == "sam" else []
    _install(processes, folder, [file], "--no-deps", *checked, "-r", str(file))
    return folder / "bin"


def _install(processes: Processes, folder: Path, files: list[Path], *arguments: str) -> None:
    stamp = folder / "installed"
    wanted = hashlib.sha256(b"".join(file.read_bytes() for file in files) + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    with step(f"Installing the Python tools into local/{folder.name} (a minute or so)"):
        # What is there from an earlier time needs only what is new.
        if not (stamp.exists() and _is_this_pythons(folder)):
            _create(folder)
        pip(processes, *arguments, folder=folder)
        stamp.write_text(wanted)


def _is_this_pythons(folder: Path) -> bool:
    config = folder / "pyvenv.cfg"
    return config.exists() and f"version = {platform.python_version()}\n" in config.read_text()


def _create(folder: Path) -> None:
    try:
        venv.create(folder, with_pip=True, clear=True)
    except Exception as fault:
        raise StackError(
            "Python could not make a virtual environment: install your system's python3-venv package "
            f"and try again ({fault})."
        ) from fault


def pip(processes: Processes, *arguments: str, folder: Path = VENV) -> None:
    processes.run(
        "pip",
        [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments],
        error="The Python tools could not be installed: see pip's message above, check the network and try again.",
    )
