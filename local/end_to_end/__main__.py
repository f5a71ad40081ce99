"""Tests the stack that serves at PUBLIC_URL as its users do: README's calls, then every operation of the API."""

import os
import sys

import api
import readme

address = os.environ["PUBLIC_URL"]
# README first: it shows the demo data as it was loaded.
sys.exit(readme.check(address) or api.check(address))
