"""The programs a stack needs: Rust is the user's to install, the Python ones go into local/.venv."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import venv
from pathlib import Path

from folders import ROOT, VENV
from processes import Processes
from say import Trouble, step

BIN = VENV / "bin"
_FILES = [ROOT / "local" / "requirements.txt", ROOT / "local" / "constraints.txt"]


def path() -> str:
    """PATH with our tools first; last what local/need installs, and where rustup puts cargo, which shells may not know."""
    last = [ROOT / "local" / ".tools" / "bin", Path.home() / ".cargo" / "bin"]
    return os.pathsep.join([str(BIN), os.environ.get("PATH", ""), *map(str, last)])


def need_cargo() -> None:
    if shutil.which("cargo", path=path()) is None:
        raise Trouble("Rust is missing: install it with rustup (https://rustup.rs) and try again.")


def install(processes: Processes) -> None:
    """Installs local/requirements.txt, unless exactly that is there already."""
    stamp = VENV / "installed"
    wanted = hashlib.sha256(b"".join(file.read_bytes() for file in _FILES) + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    with step("Installing the Python tools into local/.venv (a minute or so)"):
        try:
            venv.create(VENV, with_pip=True, clear=True)
        except Exception as fault:
            raise Trouble(
                "Python could not make a virtual environment: install your system's python3-venv package "
                f"and try again ({fault})."
            ) from fault
        pip(processes, "-r", str(_FILES[0]), "-c", str(_FILES[1]))
        stamp.write_text(wanted)


def pip(processes: Processes, *arguments: str) -> None:
    processes.run(
        "pip",
        [BIN / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments],
        trouble="The Python tools could not be installed: see pip's message above, check the network and try again.",
    )
