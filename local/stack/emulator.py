"""moto, which plays DynamoDB, S3 and Secrets Manager; it keeps everything in memory."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from pathlib import Path

import environment
import tools
from console import step
from folders import State
from processes import Processes

START_SECONDS = 60.0
RECORDER = Path(__file__).with_name("recorder.py")


def start(processes: Processes, state: State) -> str:
    """Starts the emulator and returns its address."""
    # AWS_CALLS names the file that gets what the functions asked for; `make test` collects it.
    calls = Path(os.environ.get("AWS_CALLS", state.logs / "aws-calls.txt"))
    with step("Starting the AWS emulator") as current:
        port = state.port("emulator")
        child = processes.start(
            "The AWS emulator",
            [tools.BIN / "python", RECORDER, str(port), calls],
            log=state.logs / "emulator.log",
            # Which pages may read a bucket is ours to say: see bucket_cors.py.
            env=dict(os.environ)
            | {"MOTO_DISABLE_GLOBAL_CORS": "1", "PORTAL_ORIGINS": environment.portal_origins(state)},
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
    raise child.failure("The AWS emulator did not start: the reason is above.")
