"""The environment variables through which Rust finds the stack; runtime::config and its kin read them."""

from __future__ import annotations

import os
from collections.abc import Mapping

import tools
from folders import State

# Set on a developer's machine for real AWS, or for other databases: none of it may reach a local function.
_UNWANTED = ("DATABASE_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION")


def portal_origins(state: State) -> str:
    """Whose pages may ask: those of the board, and of a portal under development."""
    return os.environ.get("PORTAL_ORIGINS", f"http://127.0.0.1:{state.port('board')},http://localhost:5173")


def variables(state: State, *, admin_url: str, aws: str, port: int) -> Mapping[str, str]:
    providers = f"http://127.0.0.1:{state.port('providers')}"
    ours = {
        "BERTHCARE_ENV": "local",
        "AWS_ENDPOINT_URL": aws,
        "AWS_REGION": "ca-central-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "EPHEMERAL_TABLE": "berthcare-local-ephemeral",
        "PHOTOS_BUCKET": "berthcare-photos-local-ca-central-1",
        "DOCUMENTS_BUCKET": "berthcare-documents-local-ca-central-1",
        "EXPORTS_BUCKET": "berthcare-exports-local-ca-central-1",
        # What stands in for them is started with the functions.
        "TWILIO_URL": providers,
        "EXPO_URL": providers,
        "AWS_ENDPOINT_URL_LAMBDA": providers,
        "ANCHORS_BUCKET": "berthcare-anchors-local-ca-central-1",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        # The gateway's own part of it: local/src/web_sockets.rs.
        "REALTIME_FUNCTION": "realtime",
        "REALTIME_URL": f"ws://127.0.0.1:{port}/realtime",
        "REALTIME_CONNECTIONS_URL": f"http://127.0.0.1:{port}/realtime",
        "PORTAL_ORIGINS": portal_origins(state),
        "DATABASE_ADMIN_URL": admin_url,
        # Where `prepare` keeps the signing keys, which the emulator forgets.
        "LOCAL_STATE": str(state.folder),
        # As Lambda sets them: they change what the AWS SDK sends.
        "_X_AMZN_TRACE_ID": "Root=1-65a1b2c3-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=1",
        "AWS_LAMBDA_FUNCTION_NAME": "berthcare-local",
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "info"),
        "PATH": tools.path(),
    }
    return {name: value for name, value in os.environ.items() if name not in _UNWANTED} | ours
