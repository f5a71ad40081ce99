"""Puts small mistakes into the code, one at a time, and prints how many of them the tests notice.

`python local/mutants.py change BASE [SHARE]` does so where this tree differs from the commit BASE; `python
local/mutants.py whole [SHARE]` in all of `domain` and in what `sync` decides. Each is tried on the unit tests of its
own package first, and what those miss on the tests of the whole workspace that the profile `mutants`
(.config/nextest.toml) chooses. A SHARE such as 0/8 takes the first of eight equal parts: the whole takes hours.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "local" / ".state" / "mutants"
RESULTS = OUTPUT / "mutants.out"
# What a pull and a push decide; functions/sync has no unit tests, so that nothing is known of it before the second run.
WHOLE = [
    "shared/domain/src/**", "functions/sync/src/plan.rs", "functions/sync/src/bisect.rs", "functions/sync/src/page.rs",
]  # fmt: skip
# What cargo-mutants answers where all is well, where tests miss something, and where some run for too long.
FINE = {0, 2, 3}


def main(arguments: list[str]) -> int:
    match arguments:
        case ["change", base, *share]:
            OUTPUT.mkdir(parents=True, exist_ok=True)
            diff = OUTPUT / "change.diff"
            diff.write_bytes(subprocess.check_output(["git", "diff", "--merge-base", base, "--", "*.rs"], cwd=ROOT))
            chosen = ["--in-diff", str(diff)]
        case ["whole", *share]:
            chosen = [argument for pattern in WHOLE for argument in ("--file", pattern)]
        case _:
            print(__doc__)
            return 2
    if share:
        chosen += ["--shard", *share]
    # Those of the package that holds the mistake, within seconds; then, for what they miss, everybody's.
    own = attempt([*chosen, "--test-workspace=false"])
    left = own["missed"] + own["timeout"]
    print(score(own, attempt([*chosen, "--test-workspace=true", "--iterate"]) if left else Counter()))
    return 0


def attempt(arguments: list[str]) -> Counter[str]:
    """How many mistakes came to what in one run."""
    # Dependencies are built once: for the copy that is changed as for this tree.
    env = {"CARGO_TARGET_DIR": str(ROOT / "target")} | os.environ
    command = [
        "cargo", "mutants", "--test-tool=nextest", "--no-shuffle", "--colors=never", "--output", str(OUTPUT),
        *arguments, "--", "--profile=mutants", "--no-tests=pass",
    ]  # fmt: skip
    if "--iterate" not in arguments:
        shutil.rmtree(RESULTS, ignore_errors=True)
    code = subprocess.run(command, cwd=ROOT, env=env).returncode
    if code not in FINE:
        sys.exit(code)
    return results(RESULTS)


def results(folder: Path) -> Counter[str]:
    """What cargo-mutants wrote down, a line for each mistake."""
    files = {name: folder / f"{name}.txt" for name in ("caught", "missed", "timeout", "unviable")}
    return Counter({name: len(file.read_text().splitlines()) for name, file in files.items() if file.exists()})


def score(own: Counter[str], everybody: Counter[str]) -> str:
    """A mistake is noticed where a test fails, or runs for ever."""
    noticed = own["caught"] + everybody["caught"] + everybody["timeout"]
    tried = noticed + everybody["missed"]
    share = f"{100 * noticed / tried:.1f} %" if tried else "nothing to try"
    unviable = own["unviable"]
    return f"Mutants noticed: {noticed} of {tried} ({share}), {own['caught']} by unit tests; {unviable} didn't compile."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
