"""The code that the demo admin's authenticator app would show (RFC 6238): `make totp` prints it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time

STEP_SECONDS = 30
# As the demo data has it (local/src/demo/mod.rs).
ADMIN_SECRET = base64.b32encode(b"berthcare-demo-admin").decode()


def step(now: float | None = None) -> int:
    """The time step of this moment."""
    return int(time.time() if now is None else now) // STEP_SECONDS


def code(at_step: int, secret: str = ADMIN_SECRET) -> str:
    """The six digits of a time step."""
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", at_step), hashlib.sha1)
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


class App:
    """An authenticator app that gives each code once: the server takes a code of the step before or after, too, but
    none twice, and none that is older than one it has taken."""

    def __init__(self) -> None:
        self._used = 0

    def next_code(self) -> str:
        """A code that was not given yet; waits where there is none."""
        wanted = max(self._used + 1, step() - 1)
        while wanted > step() + 1:
            time.sleep(0.5)
        self._used = wanted
        return code(wanted)


if __name__ == "__main__":
    left = STEP_SECONDS - int(time.time()) % STEP_SECONDS
    print(f"{code(step())}   for {left} seconds more, once (seed: {ADMIN_SECRET})")
