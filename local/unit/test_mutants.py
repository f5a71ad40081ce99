"""How the score of mutants is reckoned."""

from __future__ import annotations

import sys
import tempfile
import unittest
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import mutants  # noqa: E402


class Score(unittest.TestCase):
    def test_what_unit_tests_miss_counts_as_everybodys_tests_find_it(self) -> None:
        own = Counter(caught=6, missed=3, timeout=1, unviable=2)
        everybody = Counter(caught=1, missed=2, timeout=1)
        self.assertEqual(
            mutants.score(own, everybody),
            "Mutants noticed: 8 of 10 (80.0 %), 6 by unit tests; 2 didn't compile.",
        )

    def test_a_change_without_code_has_none(self) -> None:
        self.assertIn("0 of 0 (nothing to try)", mutants.score(Counter(), Counter()))

    def test_each_line_is_a_mistake(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "missed.txt").write_text("a.rs:1: replace < with <=\na.rs:2: replace + with -\n")
            self.assertEqual(mutants.results(Path(folder)), Counter(missed=2))


if __name__ == "__main__":
    unittest.main()
