"""Where what is shipped comes from: one version of Rust, tools by their checksums, and a list of what is inside."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from typing import Any

from template import ROOT

WORKFLOWS = ROOT / ".github" / "workflows"
# What compiles.
_COMPILES = re.compile(r"\b(cargo (?!-)|make (build|check|test|nightly|bench|drill))")
_CHOOSES = "./delivery/rust.sh"
_REQUIREMENT = re.compile(r"^[\w.-]+==\S+ \\\n(    --hash=sha256:[0-9a-f]{64}( \\\n|\n|$))+", re.MULTILINE)


def faults() -> list[str]:
    return [*_rust(), *_tools(), *_bill(), *_shipped()]


def _jobs() -> list[tuple[str, str, list[dict[str, Any]]]]:
    import yaml

    return [
        (file.name, name, job.get("steps", []))
        for file in sorted(WORKFLOWS.glob("*.yml"))
        for name, job in yaml.safe_load(file.read_text())["jobs"].items()
    ]


def _rust() -> list[str]:
    """Cargo.toml says the version, and every job that compiles asks it before it does."""
    found = []
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["rust-version"]
    for file, name, steps in _jobs():
        runs = [str(step.get("run", "")) for step in steps]
        compiles = next((at for at, run in enumerate(runs) if _COMPILES.search(run)), None)
        if compiles is not None and _CHOOSES not in runs[:compiles]:
            found.append(f"{file}: {name} compiles with whatever Rust the runner has")
        found += [f"{file}: {name} names a Rust itself: {run}" for run in runs if f"{version}" in run]
    return found


def _tools() -> list[str]:
    """What deploys is installed by the checksums of its archives, and nothing else with it."""
    text = (ROOT / "delivery" / "requirements.txt").read_text()
    without = _REQUIREMENT.sub("", "".join(line for line in text.splitlines(True) if not line.startswith("#")))
    found = [f"delivery/requirements.txt has no checksum of {line}" for line in without.splitlines() if line.strip()]
    for file, name, steps in _jobs():
        for step in steps:
            for command in re.findall(r"pip install .*", str(step.get("run", ""))):
                if "requirements.txt" in command and "--require-hashes" not in command:
                    found.append(f"{file}: {name} installs without checksums: {command}")
    if '"--require-hashes"' not in (ROOT / "local" / "stack" / "tools.py").read_text():
        found.append("local/stack/tools.py installs what deploys without checksums")
    return found


# As cargo tells it: `outer` needs `inner`, and `tests` only to be tested.
_METADATA = {
    "workspace_members": ["path+outer"],
    "packages": [
        {"id": "path+outer", "name": "outer", "version": "1.0.0", "license": "Apache-2.0"},
        {"id": "registry+inner", "name": "inner", "version": "2.0.0", "license": "MIT/Apache-2.0"},
        {"id": "registry+tests", "name": "tests", "version": "3.0.0", "license": "MIT"},
    ],
    "resolve": {
        "nodes": [
            {
                "id": "path+outer",
                "deps": [
                    {"pkg": "registry+inner", "dep_kinds": [{"kind": None}]},
                    {"pkg": "registry+tests", "dep_kinds": [{"kind": "dev"}]},
                ],
            },
            {"id": "registry+inner", "deps": []},
            {"id": "registry+tests", "deps": []},
        ]
    },
}


def _bill() -> list[str]:
    """The list names what is inside with its checksum, and refuses what has none."""
    spec = importlib.util.spec_from_file_location("sbom", ROOT / "delivery" / "sbom.py")
    assert spec is not None and spec.loader is not None
    sbom = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sbom)
    lock = {"package": [{"name": "inner", "version": "2.0.0", "checksum": "ab" * 32}]}
    bill = sbom.document(_METADATA, lock, "outer")
    wanted = {
        "type": "library",
        "bom-ref": "pkg:cargo/inner@2.0.0",
        "name": "inner",
        "version": "2.0.0",
        "purl": "pkg:cargo/inner@2.0.0",
        "licenses": [{"expression": "MIT OR Apache-2.0"}],
        "hashes": [{"alg": "SHA-256", "content": "ab" * 32}],
    }
    found = []
    if (bill["bomFormat"], bill["specVersion"], bill["components"]) != ("CycloneDX", "1.5", [wanted]):
        found.append(f"sbom.py lists {bill['components']}")
    if bill["dependencies"][1] != {"ref": "pkg:cargo/outer@1.0.0", "dependsOn": ["pkg:cargo/inner@2.0.0"]}:
        found.append(f"sbom.py says that they depend like this: {bill['dependencies']}")
    try:
        sbom.document(_METADATA, {"package": []}, "outer")
    except SystemExit:
        return found
    return [*found, "sbom.py lists a crate whose checksum nobody knows"]


def _shipped() -> list[str]:
    """The list is made with the build, signed with it, and published with a release."""
    found = []
    if "delivery/sbom.py" not in (ROOT / "Makefile").read_text().split("\nbuild:")[1].split("\n\n")[0]:
        found.append("make build lists nothing of what it builds")
    steps = {(file, name): [str(step) for step in steps] for file, name, steps in _jobs()}
    if not any("sbom.cdx.json" in step for step in steps["deliver.yml", "build"]):
        found.append("deliver.yml keeps no list of what it builds")
    if "sbom.cdx.json" not in (ROOT / "delivery" / "provenance.py").read_text():
        found.append("provenance.py signs no list of what is inside")
    if not any("gh release create" in step and "sbom" in step for step in steps.get(("release.yml", "publish"), [])):
        found.append("release.yml publishes no list of what is inside")
    return found
