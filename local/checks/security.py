"""docs/security.md: that it answers to each requirement and each promise, and names files that there are."""

from __future__ import annotations

import re

from template import ROOT

DOCUMENT = ROOT / "docs" / "security.md"
# By section: `V6.5 1 2 3 4 5`.
REQUIREMENTS = ROOT / "local" / "checks" / "asvs.txt"
# Where the checks are themselves checked, most files are not there, but their names are.
NAMES = ROOT / "files.txt"
_LINE = re.compile(r"^\| (V[\d.]+) \| ([^|]+) \| ([^|]+) \| ([^|]*) \|$", re.MULTILINE)
_STATES = {"met", "not applicable", "open"}


def faults() -> list[str]:
    text = DOCUMENT.read_text()
    return [*_requirements(text), *_promises(text), *_files(text)]


def _requirements(text: str) -> list[str]:
    """One line for each requirement of the standard, and none for another."""
    wanted = set()
    for line in REQUIREMENTS.read_text().splitlines():
        if not line.startswith("#"):
            section, *numbers = line.split()
            wanted |= {f"{section}.{number}" for number in numbers}
    lines = _LINE.findall(text)
    given = [requirement for requirement, *_ in lines]
    found = [f"docs/security.md says nothing of {missing}" for missing in sorted(wanted - set(given))]
    found += [f"docs/security.md has {extra} too often" for extra in given if given.count(extra) > 1]
    found += [f"docs/security.md: the standard has no {extra}" for extra in sorted(set(given) - wanted)]
    for requirement, _, state, where in lines:
        if state not in _STATES or not where.strip():
            found.append(f"docs/security.md: {requirement} is {state}, where or why is {where!r}")
    states = [state for _, _, state, _ in lines]
    counted = [f"{states.count('met')} are met", f"{states.count('open')} open"]
    return found + [f"docs/security.md doesn't say that {count}" for count in counted if count not in text]


def _promises(text: str) -> list[str]:
    """Each sentence of SECURITY.md's list stands here, with what holds it."""
    kept = {" ".join(line.split()) for line in re.findall(r"^- ((?:.|\n  )+?):\s+`", text, re.MULTILINE)}
    found = []
    for bullet in re.findall(r"^- ((?:.+\n)(?:  .+\n)*)", (ROOT / "SECURITY.md").read_text(), re.MULTILINE):
        plain = re.sub(r" \((?!TOTP)[^()]*(\([^()]*\))?\)", "", " ".join(bullet.split()))
        for sentence in re.split(r"[.;:](?: |$)", plain):
            if sentence and sentence not in kept:
                found.append(f"docs/security.md doesn't say what holds this of SECURITY.md: {sentence}")
    return found


def _files(text: str) -> list[str]:
    """Every file that is named is there."""
    quoted = re.findall(r"`([^`\s]+)`", text)
    named = {name for name in quoted if "/" in name or name.endswith((".md", ".toml", ".yaml"))}
    there = set(NAMES.read_text().split()) if NAMES.exists() else None
    gone = [name for name in sorted(named) if not (name in there if there is not None else (ROOT / name).is_file())]
    return [f"docs/security.md names {name}, which is not there" for name in gone]
