"""Deploys what `make build` built: `python delivery/deploy.py staging`.

1. Uploads the zips of target/lambda, and a template that names them.
2. Runs the new release's migrations, where there is a release already. One that fails stops here: nothing has changed but
   what it could add, which never breaks the release that serves.
3. Hands the template to CloudFormation. CodeDeploy shifts a tenth of the traffic, waits five minutes, and shifts the rest,
   or all of it back if an alarm sounds.
4. On the first deployment of all, the migrations run now: nobody is there to be served yet.

Needs AWS credentials for the environment, boto3 and aws-sam-cli.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
from samcli.yamlhelper import yaml_dump, yaml_parse

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "target" / "lambda"
REGION = "ca-central-1"
# A migration may take as long as Lambda lets it.
LONGEST = 900


def main(environment: str) -> None:
    session = boto3.Session(region_name=REGION)
    parameters = session.client("ssm")

    def published(name: str) -> str:
        answer = parameters.get_parameter(Name=f"/berthcare/{environment}/{name}")
        return str(answer["Parameter"]["Value"])

    bucket = published("storage/releases-bucket")
    written = BUILT / "template.yaml"
    written.write_text(yaml_dump(_of_built()))
    packaged = BUILT / "packaged.yaml"
    _sam("package", "--template-file", written, "--s3-bucket", bucket, "--output-template-file", packaged)

    functions = session.client("lambda", config=_patient())
    migrate = f"berthcare-{environment}-migrate"
    first = not _exists(functions, migrate)
    if not first:
        _update(functions, migrate, yaml_parse(packaged.read_text())["Resources"]["Migrate"]["Properties"]["CodeUri"])
        _migrate(functions, migrate)
    role = published("access/cloudformation-role-arn")
    _sam(
        "deploy", "--template-file", packaged, "--config-file", ROOT / "samconfig.toml", "--config-env", environment,
        "--s3-bucket", bucket, "--role-arn", role,
    )  # fmt: skip
    if first:
        _migrate(functions, migrate)


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


def _migrate(functions: Any, name: str) -> None:
    answer = functions.invoke(FunctionName=name, Payload=b"{}")
    report = answer["Payload"].read().decode()
    if answer.get("FunctionError"):
        sys.exit(f"The migrations failed, and no traffic was shifted: {report}")
    print(f"Migrations: {json.dumps(json.loads(report))}", flush=True)


def _patient() -> Any:
    """One call that waits as long as a migration takes, and is never repeated behind our back."""
    from botocore.config import Config

    return Config(read_timeout=LONGEST + 30, retries={"total_max_attempts": 1})


def _sam(*arguments: str | Path) -> None:
    subprocess.run([Path(sys.executable).parent / "sam", *arguments, "--region", REGION], cwd=ROOT, check=True)


if len(sys.argv) != 2 or sys.argv[1] not in ("staging", "production"):
    sys.exit("Name the environment: staging or production.")
main(sys.argv[1])
