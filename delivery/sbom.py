"""What is in each function, as CycloneDX 1.5: its crates with Cargo.lock's checksums, their licences, and what each
depends on.

    python delivery/sbom.py     after the build: target/lambda/<function>/sbom.cdx.json

Named are the crates that cargo resolves for the target; some of them the linker may have left out. Provenance signs
these files with the archives, and a release has them as assets.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "target" / "lambda"
TARGET = "aarch64-unknown-linux-gnu"
_OF_THE_BUILD = {None, "build"}


def document(metadata: dict[str, Any], lock: dict[str, Any], function: str) -> dict[str, Any]:
    """A function's bill of materials, from what `cargo metadata` and Cargo.lock say."""
    packages = {package["id"]: package for package in metadata["packages"]}
    needs = {
        node["id"]: sorted(
            dependency["pkg"]
            for dependency in node["deps"]
            if any(kind["kind"] in _OF_THE_BUILD for kind in dependency["dep_kinds"])
        )
        for node in metadata["resolve"]["nodes"]
    }
    members = set(metadata["workspace_members"])
    root = next(id for id in members if packages[id]["name"] == function)
    checksums = {(one["name"], one["version"]): one.get("checksum") for one in lock["package"]}
    inside: set[str] = set()
    waiting = [root]
    while waiting:
        if (id := waiting.pop()) not in inside:
            inside.add(id)
            waiting += needs[id]
    purls = {id: f"pkg:cargo/{packages[id]['name']}@{packages[id]['version']}" for id in inside}
    parts = []
    for id in sorted(inside - {root}, key=purls.__getitem__):
        package = packages[id]
        part = {
            "type": "library",
            "bom-ref": purls[id],
            "name": package["name"],
            "version": package["version"],
            "purl": purls[id],
        }
        if package["license"]:
            # Cargo still takes a slash for `OR`.
            part["licenses"] = [{"expression": re.sub(" */ *", " OR ", package["license"])}]
        if checksum := checksums.get((package["name"], package["version"])):
            part["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        elif id not in members:
            sys.exit(f"{purls[id]} comes of no registry: Cargo.lock has no checksum of it.")
        parts.append(part)
    own = packages[root]
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": purls[root],
                "name": own["name"],
                "version": own["version"],
                "purl": purls[root],
            }
        },
        "components": parts,
        "dependencies": [
            {"ref": purls[id], "dependsOn": [purls[other] for other in needs[id]]}
            for id in sorted(inside, key=purls.__getitem__)
        ],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bill, sort_keys=True))
    return bill | {"serialNumber": f"urn:uuid:{serial}"}


def main() -> None:
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, env=os.environ)
    metadata = json.loads(told.stdout)
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    archives = sorted(BUILT.glob("*/bootstrap.zip"))
    if not archives:
        sys.exit("There is nothing built.")
    for archive in archives:
        bill = document(metadata, lock, archive.parent.name)
        (archive.parent / "sbom.cdx.json").write_text(json.dumps(bill, indent=1, sort_keys=True))
        print(f"{archive.parent.name}: {len(bill['components'])} crates")


if __name__ == "__main__":
    main()
