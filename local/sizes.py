"""Prints how large each function's binary is and fails when one is over the limit: `python local/sizes.py FOLDER`.

FOLDER is where `cargo lambda build` puts a folder for each function, with `bootstrap` or `bootstrap.zip` in it. Lambda
reads the whole binary at a cold start, so each function has to leave out what it doesn't use.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

MEGABYTE = 1_000_000
LIMIT = 12 * MEGABYTE


def sizes(folder: Path) -> dict[str, int]:
    """The bytes of each function's binary, unpacked, by the function's name."""
    found: dict[str, int] = {}
    for function in sorted(folder.glob("*/")):
        archive, binary = function / "bootstrap.zip", function / "bootstrap"
        if archive.exists():
            with zipfile.ZipFile(archive) as content:
                found[function.name] = content.getinfo("bootstrap").file_size
        elif binary.exists():
            found[function.name] = binary.stat().st_size
    return found


def report(found: dict[str, int]) -> tuple[str, bool]:
    """A line for each function, largest first, and whether all are within the limit. No function at all is not."""
    rows = [
        f"{size / MEGABYTE:6.1f} MB  {name}{'  over the limit' if size > LIMIT else ''}"
        for name, size in sorted(found.items(), key=lambda item: -item[1])
    ]
    over = sum(size > LIMIT for size in found.values())
    if not found:
        return "No binary was found: build first.", False
    if over:
        rows.append(f"{over} of {len(found)} binaries are over {LIMIT // MEGABYTE} MB.")
    return "\n".join(rows), not over


if __name__ == "__main__":
    text, passed = report(sizes(Path(sys.argv[1])))
    print(text)
    sys.exit(not passed)
