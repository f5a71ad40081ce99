"""delivery/provenance.py and approved.sh with keys of their own: what they let through, and what they refuse."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from template import ROOT

_COMMIT = "0123456789abcdef0123456789abcdef01234567"
# KMS's part, done by a key in a file.
_SIGN = """
import sys, types, subprocess, pathlib
class Kms:
    def sign(self, KeyId, Message, MessageType, SigningAlgorithm):
        command = ["openssl", "pkeyutl", "-sign", "-inkey", sys.argv[2]]
        return {"Signature": subprocess.run(command, input=Message, capture_output=True, check=True).stdout}
sys.modules["boto3"] = types.SimpleNamespace(client=lambda service: Kms())
sys.path.insert(0, "delivery")
import provenance
provenance.sign()
"""


def faults() -> list[str]:
    return [*_provenance(), *_approval()]


def _provenance() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copytree(ROOT / "delivery", copy / "delivery")
        archive = copy / "target" / "lambda" / "sync" / "bootstrap.zip"
        archive.parent.mkdir(parents=True)
        archive.write_bytes(b"release")
        bill = archive.with_name("sbom.cdx.json")
        bill.write_bytes(b"{}")
        for name in ("key", "other"):
            _run(copy, "openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", name)
            _run(copy, "openssl", "pkey", "-in", name, "-pubout", "-outform", "DER", "-out", f"{name}.der")
        env = {"GITHUB_SHA": _COMMIT, "RELEASE_PUBLIC_KEY": base64.b64encode((copy / "key.der").read_bytes()).decode()}
        found = []
        if code := _run(copy, sys.executable, "-c", _SIGN, "x", "key", env=env):
            return [f"nothing could be signed: {code}"]
        other = base64.b64encode((copy / "other.der").read_bytes()).decode()
        for what, change, wanted in (
            ("what was signed", {}, True),
            ("another commit", {"GITHUB_SHA": _COMMIT[::-1]}, False),
            ("another key", {"RELEASE_PUBLIC_KEY": other}, False),
        ):
            if (_run(copy, sys.executable, "delivery/provenance.py", "verify", env=env | change) == 0) != wanted:
                found.append(f"provenance.py verifies {what} wrongly")
        archive.write_bytes(b"another release")
        if _run(copy, sys.executable, "delivery/provenance.py", "verify", env=env) == 0:
            found.append("provenance.py takes other bytes for what was signed")
        archive.write_bytes(b"release")
        bill.write_bytes(b"[]")
        if _run(copy, sys.executable, "delivery/provenance.py", "verify", env=env) == 0:
            found.append("provenance.py takes another list for what is inside")
        bill.unlink()
        if _run(copy, sys.executable, "-c", _SIGN, "x", "key", env=env) == 0:
            found.append("provenance.py signs an archive of which nobody knows what is inside")
        return found


def _approval() -> list[str]:
    """A tag by who wrote it, by a second person, by a stranger, and one without a signature."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        (copy / "delivery").mkdir()
        (copy / ".github").mkdir()
        shutil.copy(ROOT / "delivery" / "approved.sh", copy / "delivery" / "approved.sh")
        approvers = ""
        for name in ("author", "second", "stranger"):
            _run(copy, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", name)
            approvers += f"{name}@example.ca {(copy / f'{name}.pub').read_text()}" if name != "stranger" else ""
        (copy / ".github" / "approvers").write_text(approvers)
        _run(copy, "git", "init", "-q", ".")
        _run(
            copy,
            "git",
            "-c",
            "user.name=author",
            "-c",
            "user.email=author@example.ca",
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "x",
        )
        for tag, name, wanted in (
            ("v1", "author", False),
            ("v2", "second", True),
            ("v3", "stranger", False),
            ("v4", "", False),
        ):
            who = name or "second"
            given = [
                f"user.name={who}",
                f"user.email={who}@example.ca",
                "gpg.format=ssh",
                f"user.signingkey={copy / who}",
            ]
            options = [word for one in given for word in ("-c", one)]
            _run(copy, "git", *options, "tag", "-s" if name else "-a", "-m", "x", tag)
            if (_run(copy, "sh", "delivery/approved.sh", tag) == 0) != wanted:
                found.append(f"approved.sh {'refuses' if wanted else 'takes'} a tag by {name or 'nobody'}")
            _run(copy, "git", "tag", "-d", tag)
    return found


def _run(folder: Path, *command: str, env: dict[str, str] | None = None) -> int:
    settings = dict(os.environ) | {"GIT_CONFIG_GLOBAL": "/dev/null"} | (env or {})
    return subprocess.run(command, cwd=folder, env=settings, capture_output=True).returncode
