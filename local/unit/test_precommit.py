"""The pre-commit hook: what it finds in added lines, and that it finds it in a repository."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import precommit
from precommit import Added

# Put together here, so that no scanner takes this file for a leak.
SECRETS = (
    "AKIA" + "ABCDEFGHIJKLMNOP",
    "-----BEGIN EC PRIVATE " + "KEY-----",
    "ghp_" + "a1B2" * 9,
    "SK" + "0123456789abcdef" * 2,
    "https://" + "0123456789abcdef" * 2 + "@o1.ingest.sentry.io/2",
    "xoxb-" + "1234567890" * 3,
    ".".join(["eyJ" + "a" * 21, "eyJ" + "b" * 21, "c" * 41]),
    "postgres://berthcare_app:" + "correct-horse@db.example",
)


def found(text: str, file: str = "shared/a.rs") -> list[str]:
    return list(precommit.faults(Added(file, 7, text)))


class Lines(unittest.TestCase):
    def test_each_kind_of_secret_is_found_unless_it_is_marked(self) -> None:
        for secret in SECRETS:
            self.assertEqual(len(found(f'let x = "{secret}";')), 1, secret)
            self.assertEqual(found(f'let x = "{secret}"; // gitleaks:allow'), [], secret)

    def test_long_lines_are_found_but_where_they_cannot_be_broken(self) -> None:
        long = "x" * 121
        for file, text in (("a.rs", long), ("a.sql", "-- " + long), ("a.md", long), ("a.tf", "# " + long)):
            self.assertTrue(precommit.is_too_long(file, text), file)
        for file, text in (("a.rs", long[1:]), ("a.md", "| " + long), ("a.tf", f'name = "{long}"')):
            self.assertFalse(precommit.is_too_long(file, text), file)
        self.assertTrue(precommit.has_any_length("a.json"))
        self.assertTrue(precommit.has_any_length("fuzz/corpus/sync_body/push"))

    def test_what_is_no_secret_passes(self) -> None:
        for text in (
            "postgres://postgres@127.0.0.1:5432/x",
            "postgres://u:${PASSWORD}@h/x",
            "SKIPPED",
            "eyJ0eXAi.eyJpc3Mi.R4v",
        ):
            self.assertEqual(found(text), [], text)

    def test_a_line_ends_at_120_columns(self) -> None:
        self.assertEqual(found("é" * 120), [])
        self.assertEqual(found("x" * 121), ["shared/a.rs:7: 121 columns, 120 are the most"])

    def test_tables_addresses_and_generated_files_may_be_longer(self) -> None:
        self.assertEqual(found("| " + "x" * 130, "README.md"), [])
        self.assertEqual(found("// https://example.com/" + "x" * 130), [])
        self.assertEqual(found("x" * 130, "functions/health/openapi.json"), [])
        self.assertEqual(len(found("| " + "x" * 130, "shared/a.rs")), 1)

    def test_only_added_lines_are_read_with_their_place(self) -> None:
        diff = (
            "diff --git a/old.rs b/new.rs\n--- a/old.rs\n+++ b/new.rs\n"
            "@@ -1,2 +3,2 @@ fn a() {\n-gone\n+++ kept\n+second\n@@ -9 +12 @@\n+last\n"
        )
        expected = [Added("new.rs", 3, "++ kept"), Added("new.rs", 4, "second"), Added("new.rs", 12, "last")]
        self.assertEqual(list(precommit.added_lines(diff)), expected)


class Repository(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        # The environment of a hook names the repository that it runs for.
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        self.git("init", "--quiet")

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.folder, env=self.env, check=True)

    def commit_check(self, name: str, text: str) -> tuple[int, str]:
        (self.folder / name).write_text(text)
        self.git("add", name)
        # Without ruff, which not everybody has.
        env = self.env | {"PATH": "/usr/bin:/bin"}
        command = [sys.executable, precommit.__file__]
        reply = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True)
        return reply.returncode, reply.stdout

    def test_a_sound_file_passes(self) -> None:
        self.assertEqual(self.commit_check("a b.py", "print('ok')\n"), (0, ""))

    def test_python_that_does_not_parse_is_found(self) -> None:
        code, output = self.commit_check("a.py", "def broken(:\n")
        self.assertEqual(code, 1)
        self.assertIn("a.py:1: invalid syntax", output)

    def test_a_secret_is_found_in_any_file(self) -> None:
        code, output = self.commit_check("notes.txt", f"first\n{SECRETS[0]}\n")
        self.assertEqual(code, 1)
        self.assertIn("notes.txt:2: looks like an AWS access key", output)


if __name__ == "__main__":
    unittest.main()
