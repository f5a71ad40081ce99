"""BerthCare's local stack: `python3 local/stack --help`."""

import sys

if sys.version_info < (3, 11):
    sys.exit("Python 3.11 or newer is needed: install it, or name it: make PYTHON=python3.12 ...")

from commands import main

sys.exit(main())
