"""A new signing key while nurses work: published first, signing later, the old one kept for a token's life."""

from __future__ import annotations

import sys
from pathlib import Path

import api
from api import Traffic, need

sys.path.append(str(Path(__file__).parents[2] / "delivery"))
import signing_key  # noqa: E402

# Functions read a secret again after five minutes at most.
KNOWN_EVERYWHERE = 330.0


def run() -> None:
    old_public = api.secret("jwt-public-keys")
    new = signing_key.make()
    with Traffic() as traffic:
        old = api.key_of(api.sign_in())
        api.put_secret("jwt-public-keys", {"keys": [*old_public["keys"], *new.public["keys"]]})
        # In AWS two hours pass here, for others who keep the published keys; our functions look for a key they don't
        # know.
        api.put_secret("jwt-signing-key", new.signing)
        # Seldom, since sign-ins are limited by account.
        api.until("a token is signed with the new key", lambda: _signed_by(new.kid), KNOWN_EVERYWHERE, every=20.0)
        status, answer = api.ask("GET", "/auth/me", api.sign_in())
        need(status == 200, f"a token of the new key was answered {status}: {answer}")
    traffic.need_none_failed()
    need(old != new.kid, "the key is the old one")


def _signed_by(kid: str) -> bool:
    return api.key_of(api.sign_in()) == kid
