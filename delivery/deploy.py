"""Deploys what `make build` built: `python delivery/deploy.py staging`.

1. Uploads the zips of target/lambda, and a template that names them.
2. Runs the new release's migrations, where there is a release already. One that fails stops here: nothing has changed
but
   what it could add, which never breaks the release that serves. Contractions wait for `make contract`.
3. Hands the template to CloudFormation. CodeDeploy shifts a tenth of the traffic, waits five minutes, and shifts the
rest,
   or all of it back if an alarm sounds.
4. On the first deployment of all, the migrations run now: nobody is there to be served yet.
5. Notes which version of each function serves now, beside the artifacts: docs/runbooks/rollback.md goes back by these
notes.

`--at-once` shifts all traffic without waiting: for an emergency alone, since no alarm takes anything back then.

Needs AWS credentials for the environment, boto3 and aws-sam-cli.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import migrations
import versions
from samtranslator.yaml_helper import yaml_parse

# What CloudFormation reads of SSM when it deploys; the rest of the parameters are plain.
PUBLISHED = "AWS::SSM::Parameter::Value<"
ROOT = Path(__file__).resolve().parents[1]
BUILT = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "lambda"


def main(environment: str, *, at_once: bool = False) -> None:
    template = _of_built()
    border = _Border(environment)
    bucket = border.value("storage/releases-bucket")
    written = BUILT / "template.json"
    written.write_text(json.dumps(template))
    packaged = BUILT / "packaged.yaml"
    _sam("package", "--template-file", written, "--s3-bucket", bucket, "--output-template-file", packaged)

    functions = migrations.client()
    migrate = f"berthcare-{environment}-migrate"
    first = not _exists(functions, migrate)
    if not first:
        _update(functions, migrate, yaml_parse(packaged.read_text())["Resources"]["Migrate"]["Properties"]["CodeUri"])
        migrations.run(functions, migrate, {})
    parameters = border.parameters(template) | {"Rollout": "AllAtOnce" if at_once else "Canary10Percent5Minutes"}
    _sam(
        "deploy", "--template-file", packaged, "--config-file", ROOT / "samconfig.toml", "--config-env", environment,
        "--s3-bucket", bucket, "--role-arn", border.value("access/cloudformation-role-arn"),
        "--parameter-overrides", *[f"{name}={value}" for name, value in sorted(parameters.items())],
    )  # fmt: skip
    if first:
        migrations.run(functions, migrate, {})
    versions.note(bucket, versions.serving(functions, environment))


class _Border:
    """What terraform published for an environment."""

    def __init__(self, environment: str) -> None:
        self._environment = environment
        self._ssm = boto3.client("ssm", region_name=migrations.REGION)
        self._secrets = boto3.client("secretsmanager", region_name=migrations.REGION)

    def value(self, name: str) -> str:
        answer = self._ssm.get_parameter(Name=f"/berthcare/{self._environment}/{name}")
        return str(answer["Parameter"]["Value"])

    def parameters(self, template: dict[str, Any]) -> dict[str, str]:
        """The template's parameters: the names of what CloudFormation reads itself, a digest of their values, and the
        rest."""
        given, values = {"Environment": self._environment}, []
        for name, parameter in template["Parameters"].items():
            if parameter["Type"].startswith(PUBLISHED):
                given[name] = parameter["Default"].replace("/staging/", f"/{self._environment}/")
                values.append(self.value(given[name].split("/", 3)[3]))
        given["PortalOrigins"] = self.value("edge/portal-origins")
        given["ReportToSentry"] = "true" if self._has_dsn() else "false"
        given["ConfigurationDigest"] = hashlib.sha256("\n".join(values).encode()).hexdigest()[:16]
        return given

    def _has_dsn(self) -> bool:
        """Whether somebody put a DSN into the secret, which terraform made without one."""
        secret = self._secrets.describe_secret(SecretId=f"{self._environment}/sentry")
        return bool(secret.get("VersionIdsToStages"))


def _of_built() -> dict[str, Any]:
    """The template with each function's code where `make build` put it, which must be there for every one."""
    template: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            archive = BUILT / resource["Metadata"]["BuildProperties"]["Binary"] / "bootstrap.zip"
            if not archive.exists():
                sys.exit(f"{archive} is missing: run `make build` first.")
            resource["Properties"]["CodeUri"] = str(archive)
            del resource["Metadata"]
    return template


def _exists(functions: Any, name: str) -> bool:
    try:
        functions.get_function(FunctionName=name)
    except functions.exceptions.ResourceNotFoundException:
        return False
    return True


def _update(functions: Any, name: str, code: str | dict[str, str]) -> None:
    """Gives `migrate` its new code ahead of the others; CloudFormation then finds it there."""
    bucket, key = code.removeprefix("s3://").split("/", 1) if isinstance(code, str) else (code["Bucket"], code["Key"])
    functions.update_function_code(FunctionName=name, S3Bucket=bucket, S3Key=key)
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)


def _sam(*arguments: str | Path) -> None:
    # Beside this Python, where `make deploy` installs it, before any other.
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    program = shutil.which("sam", path=places) or sys.exit("aws-sam-cli is missing: `make deploy` installs it.")
    subprocess.run([program, *arguments, "--region", migrations.REGION], cwd=ROOT, check=True)


if __name__ == "__main__":
    environments = [argument for argument in sys.argv[1:] if argument != "--at-once"]
    if len(environments) != 1 or environments[0] not in migrations.ENVIRONMENTS:
        sys.exit("Name the environment: staging or production; and --at-once in an emergency.")
    main(environments[0], at_once="--at-once" in sys.argv)
