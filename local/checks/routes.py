"""A route of API Gateway is one of the local router and one of the document, and leads to the same function.

API Gateway and the local router tell `/v1/docs/` from `/v1/docs`; the document has the page once.
"""

from __future__ import annotations

import json
import tomllib

import template
from template import ROOT


def faults() -> list[str]:
    deployed = {
        event["Properties"]["Path"]: name
        for name, function in template.functions().items()
        for event in function.get("Events", {}).values()
        if event["Type"] == "HttpApi"
    }
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())
    local = manifest["workspace"]["metadata"]["lambda"]["watch"]["router"]
    documented = set(json.loads((ROOT / "functions" / "health" / "openapi.json").read_text())["paths"])
    routed = set(deployed) - {"/v1/docs/"}
    found = [f"{path} is documented and not in template.yaml" for path in sorted(documented - routed)]
    found += [f"{path} is in template.yaml and not documented" for path in sorted(routed - documented)]
    for path in sorted(set(local) | set(deployed)):
        if local.get(path) != deployed.get(path):
            found.append(f"{path}: Cargo.toml says {local.get(path)}, template.yaml {deployed.get(path)}")
    built = {folder.name for folder in (ROOT / "functions").iterdir() if (folder / "Cargo.toml").exists()}
    if built != set(template.functions()):
        found.append(f"functions/ holds {sorted(built)}, template.yaml {sorted(template.functions())}")
    return found
