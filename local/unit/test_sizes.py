"""The check of the binaries' sizes, on a made-up folder."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import sizes


class Sizes(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def build(self, name: str, size: int, *, zipped: bool) -> None:
        function = self.folder / name
        function.mkdir()
        if zipped:
            with zipfile.ZipFile(function / "bootstrap.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("bootstrap", bytes(size))
        else:
            (function / "bootstrap").write_bytes(bytes(size))

    def run_script(self) -> tuple[int, str]:
        script = Path(sizes.__file__)
        reply = subprocess.run([sys.executable, script, self.folder], capture_output=True, text=True)
        return reply.returncode, reply.stdout

    def test_a_binary_counts_unpacked(self) -> None:
        self.build("auth", 5_000_000, zipped=True)
        self.build("visits", 7_000_000, zipped=False)
        self.assertEqual(sizes.sizes(self.folder), {"auth": 5_000_000, "visits": 7_000_000})
        self.assertEqual(self.run_script(), (0, "   7.0 MB  visits\n   5.0 MB  auth\n"))

    def test_exactly_the_limit_passes_and_a_byte_more_fails(self) -> None:
        self.build("auth", sizes.LIMIT, zipped=True)
        self.assertEqual(self.run_script()[0], 0)
        self.build("jobs", sizes.LIMIT + 1, zipped=True)
        code, output = self.run_script()
        self.assertEqual(code, 1)
        self.assertIn("jobs  over the limit", output)
        self.assertNotIn("auth  over", output)
        self.assertIn("1 of 2 binaries are over 12 MB.", output)

    def test_nothing_built_fails(self) -> None:
        (self.folder / "auth").mkdir()
        self.assertEqual(self.run_script()[0], 1)


if __name__ == "__main__":
    unittest.main()
