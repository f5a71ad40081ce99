"""moto, which plays DynamoDB, S3 and Secrets Manager; it keeps everything in memory."""

from __future__ import annotations

import time
import urllib.error
import urllib.request

import tools
from folders import State
from processes import Processes
from say import step

START_SECONDS = 60.0


def start(processes: Processes, state: State) -> str:
    """Starts the emulator and answers its address."""
    with step("Starting the AWS emulator") as current:
        port = state.port("emulator")
        child = processes.start(
            "The AWS emulator",
            [tools.BIN / "python", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            log=state.logs / "emulator.log",
        )
        address = f"http://127.0.0.1:{port}"
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and child.exit_code() is None:
            try:
                urllib.request.urlopen(f"{address}/moto-api/", timeout=5).close()
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
                continue
            current.note = f"moto, port {port}"
            return address
    raise child.trouble("The AWS emulator did not start: the reason is above.")
