"""The workflows: in which order they deliver, and that nobody else decides what they run."""

from __future__ import annotations

import re
from typing import Any

from template import ROOT

FOLDER = ROOT / ".github" / "workflows"
_PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*")


def faults() -> list[str]:
    return [*_order(), *_pins(), *_proof()]


def _steps(workflow: str, job: str) -> list[str]:
    """The commands of a job's steps, or the action of those that run one."""
    import yaml

    jobs: dict[str, Any] = yaml.safe_load((FOLDER / f"{workflow}.yml").read_text())["jobs"]
    return [str(step.get("run", step.get("uses", ""))) for step in jobs[job]["steps"]]


def _order() -> list[str]:
    """What was built is deployed, and what was deployed is asked whether it works, last of all."""
    found = []
    for workflow, job, environment in (("deliver", "staging", "staging"), ("release", "production", "production")):
        steps = _steps(workflow, job)
        if steps[-2:] != [f"make deploy ENV={environment}", "make smoke URL=${{ vars.PUBLIC_URL }}"]:
            found.append(f"{workflow}.yml: {job} doesn't end with the deployment and the smoke test: {steps[-2:]}")
    return found


def _pins() -> list[str]:
    """An action stays what it was when somebody read it: a commit, with its version for readers."""
    found = []
    for file in sorted(FOLDER.glob("*.yml")):
        for used in re.findall(r"^\s*(?:- )?uses: (.+)$", file.read_text(), re.MULTILINE):
            if not (used.startswith("./") or _PINNED.fullmatch(used)):
                found.append(f"{file.name}: {used} is no commit with its version beside it")
    return found


def _proof() -> list[str]:
    """Production takes what staging signed, on a second person's word."""
    steps = _steps("release", "production")
    approved = next((at for at, step in enumerate(steps) if step.startswith("./delivery/approved.sh")), None)
    verified = next((at for at, step in enumerate(steps) if "delivery/provenance.py verify" in step), None)
    if approved is None or verified is None or max(approved, verified) > len(steps) - 3:
        return ["release.yml deploys what nobody approved, or what staging didn't sign"]
    return []
