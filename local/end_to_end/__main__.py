"""Tests the stack that serves at PUBLIC_URL as its users do: README's calls, Twilio's webhooks, people who
answer, a portal and the board in a browser, what each function is configured with, what roles allow, every operation.

Among them the smoke test, which is made for releases, shows that it can pass.
"""

import os
import subprocess
import sys
from pathlib import Path

import api
import board
import configuration
import people
import portal
import readme
import rights
import webhooks

SMOKE = Path(__file__).resolve().parents[2] / "delivery" / "smoke.py"

address = os.environ["PUBLIC_URL"]
# README first: it shows the demo data as it was loaded.
sys.exit(
    readme.check(address)
    or subprocess.call([sys.executable, SMOKE, address])
    or webhooks.check(address)
    or people.check(address)
    or configuration.check(address)
    or portal.check(address)
    or board.check(address)
    or rights.check(address)
    or api.check(address)
)
