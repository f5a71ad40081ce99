"""What the terminal of `make start` shows of the functions' log, of messages and of calls."""

from __future__ import annotations

import json
import os
import sys
import time
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "stack"))

import terminal

NURSE = "0193a5b0-0000-7000-8000-000000000003"
NAMES = {NURSE: "Amara"}
# As the functions write them; what is left out here are more metrics.
COMMON = {
    "environment": "local",
    "requestId": "48746fc3",
    "traceId": "1-6b0b1c34",
    "timestamp": "2026-11-28T18:23:48.828871552Z",
}
ANSWERED = COMMON | {
    "_aws": {"CloudWatchMetrics": [{"Namespace": "BerthCare/API"}], "Timestamp": 1795890228828},
    "APILatency": 17.07, "level": "INFO", "message": "answered", "service": "visits", "coldStart": False,
    "duration": 17.07, "method": "GET", "path": "/v1/visits/{id}", "statusCode": 200, "role": "nurse", "userId": NURSE,
}  # fmt: skip


def shown(entry: dict[str, Any] | str, *, colours: bool = False) -> str | None:
    text = entry if isinstance(entry, str) else json.dumps(entry)
    return terminal.log_line(text, NAMES, colours=colours)


class LogLines(unittest.TestCase):
    def setUp(self) -> None:
        before = os.environ.get("TZ")
        os.environ["TZ"] = "America/Toronto"
        time.tzset()

        def restore() -> None:
            if before is None:
                del os.environ["TZ"]
            else:
                os.environ["TZ"] = before
            time.tzset()

        self.addCleanup(restore)

    def test_a_request_is_one_line_in_local_time_without_metrics(self) -> None:
        expected = "13:23:48  GET    /v1/visits/{id}                          200     17 ms  nurse Amara"
        self.assertEqual(shown(ANSWERED), expected)

    def test_a_request_without_caller_shows_a_dash(self) -> None:
        anonymous = {name: value for name, value in ANSWERED.items() if name not in ("role", "userId")}
        self.assertTrue((shown(anonymous) or "").endswith(" ms  -"))
        self.assertTrue((shown(anonymous | {"service": "webhooks"}) or "").endswith(" ms  Twilio"))

    def test_a_status_of_400_is_yellow_and_of_500_red(self) -> None:
        self.assertIn("\x1b[33m404\x1b[0m", shown(ANSWERED | {"statusCode": 404}, colours=True) or "")
        self.assertIn("\x1b[31m503\x1b[0m", shown(ANSWERED | {"statusCode": 503}, colours=True) or "")
        self.assertNotIn("\x1b", shown(ANSWERED, colours=True) or "")

    def test_an_error_is_shown_in_full(self) -> None:
        error = COMMON | {
            "level": "ERROR", "service": "visits", "message": "internal error", "role": "nurse", "userId": NURSE,
            "error": "db error: relation does not exist\ncaused by: 42P01",
        }  # fmt: skip
        self.assertEqual(
            shown(error),
            "13:23:48  ERROR in visits: internal error\n"
            "          requestId: 48746fc3\n"
            "          error: db error: relation does not exist\n"
            "          caused by: 42P01",
        )

    def test_metrics_are_not_shown(self) -> None:
        self.assertIsNone(shown(COMMON | {"level": "INFO", "service": "jobs", "message": "metrics", "OutboxAge": 0.0}))
        self.assertIsNone(
            shown(COMMON | {"level": "INFO", "service": "jobs", "message": "job done", "job": "dispatch"})
        )

    def test_a_schedule_is_shown_only_when_it_fails(self) -> None:
        event = ANSWERED | {"method": "EVENT", "path": "escalate"}
        self.assertIsNone(shown(event))
        self.assertIn("escalate", shown(event | {"statusCode": 500}) or "")

    def test_the_compilers_words_stay_and_noise_goes(self) -> None:
        error = "\x1b[1m\x1b[91merror[E0425]\x1b[0m: cannot find value `x`"
        self.assertEqual(shown(error, colours=True), error)
        self.assertEqual(shown(error), "error[E0425]: cannot find value `x`")
        self.assertIsNone(shown("     Running `target/debug/visits`"))
        self.assertIsNone(shown(" `/home/me/target/debug/visits`"))
        self.assertIsNone(shown('\x1b[2m 2026\x1b[0m INFO starting lambda function function="visits"'))
        self.assertIsNone(shown(""))

    def test_a_line_that_another_program_cut_is_still_read(self) -> None:
        self.assertEqual(shown("     Running" + json.dumps(ANSWERED)), shown(ANSWERED))

    def test_the_end_of_a_replaced_function_is_noise(self) -> None:
        fault = {"level": "ERROR", "message": "Lambda Runtime API returned non-200 response"}
        self.assertIsNone(shown(COMMON | {"service": "health"} | fault | {"status": "500 Internal Server Error"}))
        self.assertIsNotNone(shown(COMMON | {"service": "health"} | fault | {"status": "403 Forbidden"}))

    def test_a_function_that_exits_is_explained(self) -> None:
        self.assertIn("A function exited", shown("\x1b[31mERROR\x1b[0m command exited code=101") or "")

    def test_a_path_that_no_function_serves_is_a_404(self) -> None:
        self.assertIn("404", shown('ERROR detail="the default function route is disabled, use ..."') or "")

    def test_json_that_is_no_log_line_stays(self) -> None:
        for text in ("[1, 2]", '{"a": 1}', "3"):
            self.assertEqual(shown(text), text)


class Blocks(unittest.TestCase):
    def test_a_message_stands_out_with_the_command_that_answers_it(self) -> None:
        self.assertEqual(
            terminal.block("SMS to +14165550171", "Bonjour\n\nà bientôt", "To answer: make reply", colours=False),
            "\n  ┃ SMS to +14165550171\n  ┃ Bonjour\n  ┃\n  ┃ à bientôt\n  ┃ To answer: make reply\n",
        )

    def test_a_long_text_is_wrapped_and_complete(self) -> None:
        words = [f"word{number}" for number in range(60)]
        rows = terminal.block("SMS", " ".join(words), colours=False).splitlines()
        self.assertTrue(all(len(row) <= 100 for row in rows))
        self.assertEqual([word for row in rows[2:] for word in row.split() if word != "┃"], words)


if __name__ == "__main__":
    unittest.main()
