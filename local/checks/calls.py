"""What the functions asked AWS for equals what their roles allow: `python local/checks/calls.py FILE`, the recorder's
file.

More asked than allowed fails in AWS. More allowed than asked is a right that nobody needs, or one that no test shows
to be needed.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import border
import terraform


@dataclass(frozen=True)
class Right:
    """An action on a resource, as the recorder writes them; in a role and in the exceptions each may be a pattern."""

    function: str
    action: str
    resource: str

    def covers(self, other: Right) -> bool:
        return (
            fnmatchcase(other.function, self.function)
            and fnmatchcase(other.action, self.action)
            and fnmatchcase(other.resource, self.resource)
        )

    def __str__(self) -> str:
        return f"{self.function}: {self.action} on {self.resource}"


# Rights that the emulator can't show to be used, each with why. What every role has besides (its log, traces, and of
# keys what
# terraform/modules/functions derives) is AWS's own use, and policies.py holds it.
UNSEEN = {
    Right("rollout", "codedeploy:GetDeploymentTarget", "*"): "there are no deployments locally",
    Right("rollout", "lambda:InvokeFunction", "*"): "there are no versions; tests/runtime/rollout.rs has stand-ins",
    Right("realtime", "execute-api:ManageConnections", "sockets"): "the local gateway is no AWS service",
    Right("*", "lambda:InvokeFunction", "realtime:live"): "by whoever writes while somebody listens",
    Right("alerts", "lambda:InvokeFunction", "jobs:live"): "of whoever answers a reply; tests/webhooks/answers.rs",
    Right("privacy", "lambda:InvokeFunction", "exports:live"): "of whoever asks for an export; tests/privacy",
    Right("jobs", "s3:ListBucketVersions", "documents"): "of clients whose time has come; tests/jobs/retention.rs",
    Right("jobs", "s3:DeleteObjectVersion", "documents/care-plans/*"): "as above",
    Right("jobs", "s3:DeleteObjectVersion", "photos/clients/*"): "as above",
    Right("jobs", "s3:DeleteObjectVersion", "photos/visits/*"): "as above",
    Right("*", "rds-db:connect", "*"): "asked for by the proxy, of which there is none locally",
    Right("*", "sqs:SendMessage", "*"): "Lambda hands over what failed, in the function's name",
    Right("photos", "s3:ListBucket", "photos"): "no call: makes S3 answer 404, not 403",
    Right("jobs", "s3:DeleteObjectVersion", "photos/uploads/*"): "of uploads a week old",
    Right("exports", "s3:DeleteObjectVersion", "exports/*"): "of exports three days old",
    Right("exports", "s3:AbortMultipartUpload", "exports/*"): "of an export that fails",
}
# Locally the database's password is a secret; in AWS functions sign in to the proxy as themselves.
LOCAL = Right("*", "secretsmanager:GetSecretValue", "database*")
# The stack's own tools make what functions find: in AWS Terraform does. They run in Lambda's environment, too.
TOOLS = Right("berthcare-local", "*", "*")


def allowed() -> set[Right]:
    """What the roles allow: terraform's table of functions, as its module makes policies of it."""
    rights = set()
    for name, line in border.table().items():
        own = [("rds-db:connect", line["database_user"])] if line["database_user"] else []
        own += [("secretsmanager:GetSecretValue", secret.replace("/", "-")) for secret in line["secrets"]]
        own += [(f"dynamodb:{operation}", "table") for operation in line["table"]]
        own += [(one["action"], one["bucket"] + one["keys"]) for one in line["objects"]]
        own += [("lambda:InvokeFunction", f"{other}:live") for other in line["invokes"]]
        own += [("execute-api:ManageConnections", "sockets")] if line.get("sockets") else []
        own += [("lambda:InvokeFunction", f"{other}:*") for other in line.get("tries", [])]
        own += [(f"codedeploy:{action}", "*") for action in _deployments() if line.get("tries")]
        own += [("sqs:SendMessage", "dead-letters")] if line["events"] else []
        rights |= {Right(name, action, resource) for action, resource in own}
    return rights


def _deployments() -> list[str]:
    """What a hook asks of CodeDeploy."""
    return list(terraform.local(terraform.FOLDER / "modules" / "functions", "deployments"))


def asked(text: str) -> set[Right]:
    """What the recorder wrote. A URL signed ahead is used by somebody without a name: `privacy` signs those to
    exports, and `photos` all others."""
    rights = {Right(*line.split(" ", 2)) for line in text.splitlines()}
    return {
        Right(_signer(right), right.action, right.resource) if right.function == "signed" else right
        for right in rights
        if not LOCAL.covers(right) and not TOOLS.covers(right)
    }


def _signer(right: Right) -> str:
    return "privacy" if right.resource.startswith("exports/") else "photos"


def compare(text: str) -> list[str]:
    """Where the two differ."""
    roles, calls = allowed(), asked(text)

    def used(right: Right) -> bool:
        return any(right.covers(call) for call in calls)

    found = [
        f"asked for, and refused in AWS: {call}" for call in calls if not any(right.covers(call) for right in roles)
    ]
    for right in roles:
        if not used(right) and not any(unseen.covers(right) for unseen in UNSEEN):
            found.append(f"allowed, and asked for by no test: {right}")
    for unseen in UNSEEN:
        excepted = [right for right in roles if unseen.covers(right)]
        if not excepted:
            found.append(f"excepted, and allowed by no role: {unseen}")
        found += [f"excepted as unseen, and seen: {right}" for right in excepted if used(right)]
    return sorted(found)


if __name__ == "__main__":
    faults = compare(Path(sys.argv[1]).read_text())
    print("\n".join(faults) or "What the functions asked of AWS is what their roles allow.")
    sys.exit(bool(faults))
