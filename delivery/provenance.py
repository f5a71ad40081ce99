"""Where a release's bytes come from, signed by a key that never leaves KMS.

    python delivery/provenance.py sign      after staging was asked whether it works: target/lambda/provenance.json and
    .sig
    python delivery/provenance.py verify    before production: of this commit, and these bytes

GitHub's own attestations need a plan that costs 21 dollars a person; a key costs one. The commit is GITHUB_SHA, the
public key
RELEASE_PUBLIC_KEY, as `aws kms get-public-key` tells it and a variable of the repository keeps it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

BUILT = Path(__file__).resolve().parents[1] / "target" / "lambda"
STATEMENT = BUILT / "provenance.json"
SIGNATURE = BUILT / "provenance.sig"
KEY = "alias/berthcare-staging-releases"


def digests() -> dict[str, dict[str, str]]:
    """Of each function's archive, and of the list of what is inside."""
    archives = sorted(BUILT.glob("*/bootstrap.zip"))
    if not archives:
        sys.exit("There is nothing built.")
    found: dict[str, dict[str, str]] = {}
    for archive in archives:
        files = [archive, archive.with_name("sbom.cdx.json")]
        if not files[1].exists():
            sys.exit(f"There is no list of what is inside {archive.parent.name}.")
        found[archive.parent.name] = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    return found


def sign() -> None:
    import boto3

    statement = {"commit": os.environ["GITHUB_SHA"], "run": os.environ.get("GITHUB_RUN_ID", ""), "sha256": digests()}
    STATEMENT.write_text(json.dumps(statement, indent=1, sort_keys=True))
    digest = hashlib.sha256(STATEMENT.read_bytes()).digest()
    answer = boto3.client("kms").sign(KeyId=KEY, Message=digest, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256")
    SIGNATURE.write_bytes(answer["Signature"])


def verify() -> None:
    with tempfile.NamedTemporaryFile() as key:
        key.write(base64.b64decode(os.environ["RELEASE_PUBLIC_KEY"]))
        key.flush()
        command = [
            "openssl",
            "dgst",
            "-sha256",
            "-keyform",
            "DER",
            "-verify",
            key.name,
            "-signature",
            SIGNATURE,
            STATEMENT,
        ]
        if subprocess.run(command, capture_output=True).returncode:
            sys.exit("The statement was not signed by staging's key.")
    statement = json.loads(STATEMENT.read_text())
    if statement["commit"] != os.environ["GITHUB_SHA"]:
        sys.exit(f"These bytes are of the commit {statement['commit']}.")
    if statement["sha256"] != digests():
        sys.exit("These are not the bytes that staging served.")
    print(f"Signed bytes of {statement['commit']}, built in run {statement['run']}.")


if __name__ == "__main__":
    steps = {"sign": sign, "verify": verify}
    if len(sys.argv) != 2 or sys.argv[1] not in steps:
        sys.exit("Name the step: sign or verify.")
    steps[sys.argv[1]]()
