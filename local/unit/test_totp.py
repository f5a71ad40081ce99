"""The demo admin's codes are those of the RFC."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import totp


class Codes(unittest.TestCase):
    def test_codes_are_those_of_the_rfc(self) -> None:
        # RFC 6238, appendix B, the last six of eight digits: this is the base32 of 12345678901234567890.
        secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        for now, expected in ((59, "287082"), (1111111109, "081804"), (1234567890, "005924")):
            self.assertEqual(totp.code(totp.step(now), secret), expected)

    def test_an_app_gives_each_code_once(self) -> None:
        app = totp.App()
        self.assertEqual(len({app.next_code() for _ in range(3)}), 3)


if __name__ == "__main__":
    unittest.main()
