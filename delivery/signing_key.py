"""A new key for access tokens: `python delivery/signing_key.py KID FILE` writes both halves as the secrets hold them.

`FILE.signing.json` is the secret `{env}/jwt-signing-key`; the key in `FILE.public.json` is added to
`{env}/jwt-public-keys`.
docs/runbooks/leaked-secret.md says in which order. Only OpenSSL is needed.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

# An uncompressed point of P-256, the end of the key's SubjectPublicKeyInfo: a byte 4, then x and y.
POINT = 65


@dataclass(frozen=True)
class SigningKey:
    """A pair of keys."""

    kid: str
    signing: dict[str, Any]
    public: dict[str, Any]


def make(kid: str | None = None) -> SigningKey:
    """A new pair; named by the present second where no name is given."""
    kid = kid or time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    private = _openssl(b"", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    point = _openssl(private, "pkey", "-pubout", "-outform", "DER")[-POINT:]
    if len(point) != POINT or point[0] != 4:
        raise SystemExit("OpenSSL wrote a public key of another shape.")
    x, y = (base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (point[1:33], point[33:]))
    jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256", "kid": kid}
    return SigningKey(kid, {"kid": kid, "private_key": private.decode()}, {"keys": [jwk]})


def _openssl(given: bytes, *arguments: str) -> bytes:
    return subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=True).stdout


def _write(path: str, value: object) -> None:
    """For the owner's eyes only."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(value, file)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("Name the key and the files: python delivery/signing_key.py 2026-11 new-key")
    pair = make(sys.argv[1])
    _write(f"{sys.argv[2]}.signing.json", pair.signing)
    _write(f"{sys.argv[2]}.public.json", pair.public)
