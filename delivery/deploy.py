"""Deploys what `make build` built: `python delivery/deploy.py staging`.

1. Uploads the zips of target/lambda, and a template that names them.
2. Runs the new release's migrations, where there is a release already. One that fails stops here: nothing has changed but
   what it could add, which never breaks the release that serves. Contractions wait for `make contract`.
3. Hands the template to CloudFormation. CodeDeploy shifts a tenth of the traffic, waits five minutes, and shifts the rest,
   or all of it back if an alarm sounds.
4. On the first deployment of all, the migrations run now: nobody is there to be served yet.

Needs AWS credentials for the environment, boto3 and aws-sam-cli.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import migrations
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[1]
BUILT = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "lambda"


def main(environment: str) -> None:
    template = _of_built()
    parameters = boto3.client("ssm", region_name=migrations.REGION)

    def published(name: str) -> str:
        answer = parameters.get_parameter(Name=f"/berthcare/{environment}/{name}")
        return str(answer["Parameter"]["Value"])

    bucket = published("storage/releases-bucket")
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
    role = published("access/cloudformation-role-arn")
    _sam(
        "deploy", "--template-file", packaged, "--config-file", ROOT / "samconfig.toml", "--config-env", environment,
        "--s3-bucket", bucket, "--role-arn", role,
    )  # fmt: skip
    if first:
        migrations.run(functions, migrate, {})


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
    if len(sys.argv) != 2 or sys.argv[1] not in migrations.ENVIRONMENTS:
        sys.exit("Name the environment: staging or production.")
    main(sys.argv[1])
