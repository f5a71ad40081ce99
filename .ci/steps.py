"""What has to pass before a change lands, and where its time goes. What takes long is left to `make nightly`."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# In this order: what fails soonest first. The build apart, so that the tests' times are theirs alone.
STEPS = (
    ("format, lints", ["make", "check-rust"]),
    ("licences, deployment", ["make", "check-rest"]),
    ("build", ["make", "build-tests"]),
    ("tests", ["make", "test-rust"]),
    ("tests, named statements", ["make", "test-named"]),
    ("tests, pooled", ["make", "test-pooled"]),
    ("end to end, schemathesis", ["make", "test-end-to-end"]),
    ("WatermelonDB", ["make", "test-watermelon"]),
    ("FHIR", ["make", "test-fhir"]),
)
# nextest's `368 tests run: 366 passed (5 slow), 1 failed, 1 timed out, 0 skipped`.
SUMMARY = re.compile(r"Summary \[.*?tests? run: (.*)")
PASSED = re.compile(r"(\d+) passed")
FAILED = re.compile(r"(\d+) (?:failed|timed out|exec failed)")


def main() -> int:
    os.chdir(ROOT)
    env = _environment()
    passed = failed = code = 0
    took: list[tuple[str, float]] = []
    for name, command in STEPS:
        print(f"--- {name}: {' '.join(command)}", flush=True)
        started = time.monotonic()
        code, summaries = _run(command, env)
        took.append((name, time.monotonic() - started))
        passed += sum(int(count) for summary in summaries for count in PASSED.findall(summary))
        failed += sum(int(count) for summary in summaries for count in FAILED.findall(summary))
        if code:
            print(f"--- {name} failed.", flush=True)
            break
    print("\nWhere the time went, in seconds:")
    for name, seconds in [*took, ("all", sum(seconds for _, seconds in took))]:
        print(f"{name:<26}{seconds:>7.0f}")
    # Whatever failed that counts no tests is one failure.
    print(f"{passed} passed, {max(failed, 1) if code else failed} failed", flush=True)
    return code


def _environment() -> dict[str, str]:
    """Incremental builds are for those who build again. Stand-ins for Terraform may lie beside the project."""
    env = dict(os.environ) | {"CARGO_INCREMENTAL": "0"}
    env.setdefault("SEED", str(int.from_bytes(os.urandom(4), "big")))
    print(f"SEED={env['SEED']} repeats the random histories of this run.")
    tools = ROOT.parent / "shared" / "tools" / "tfcheck"
    if os.access(tools / "tfcheck", os.X_OK):
        env.setdefault("TFCHECK", str(tools / "tfcheck"))
        env.setdefault("TFOFFLINE", str(tools / "tfoffline"))
    return env


def _run(command: list[str], env: dict[str, str]) -> tuple[int, list[str]]:
    """The command's exit code, and the summaries that nextest printed meanwhile."""
    summaries = []
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            if found := SUMMARY.search(line):
                summaries.append(found.group(1))
    return process.returncode, summaries


if __name__ == "__main__":
    sys.exit(main())
