"""What CloudFormation would refuse in template.yaml, and what a release would not notice of itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import border
import policies
import template
import terraform

# PRODUCT.md, "CORS".
_CORS = {
    "AllowHeaders": {"authorization", "content-type", "if-match", "if-none-match", "accept-language", "x-device-time"},
    "ExposeHeaders": {"etag", "location", "retry-after", "x-request-id"},
    "AllowMethods": {"DELETE", "GET", "PATCH", "POST", "PUT"},
}


def faults() -> list[str]:
    return [*_references(), *_retained(), *_canaries(), *_hooks(), *_jobs(), *_cors()]


def _references() -> list[str]:
    """A template holds 60 dynamic references, and a changed value behind one doesn't arrive with the next deployment:
    so none."""
    translated = json.dumps(template.translated()["Resources"])
    found = [
        f"the dynamic reference {one}" for one in sorted(set(re.findall(r"\{\{resolve:.*?\}\}(?!\})", translated)))
    ]
    # Where SAM needs a value itself, it takes a parameter's default: the name in SSM.
    names = sorted(set(re.findall(r'"(/berthcare/staging/[^"]+)"', translated)))
    return found + [f"SAM takes the name {name} for the value of that parameter" for name in names]


def _retained() -> list[str]:
    """After a first deployment that failed, what has a name and stays refuses the second one."""
    return [
        f"{label} has a name and stays after a failed first deployment: RetainExceptOnCreate, or terraform"
        for label, resource in template.source()["Resources"].items()
        if resource.get("DeletionPolicy") == "Retain" and any(key.endswith("Name") for key in resource["Properties"])
    ]


def _canaries() -> list[str]:
    """What takes a release back looks at the new version alone: the old one's faults must not take the mending back."""
    resources, found = template.source()["Resources"], []
    for name, function in sorted(template.functions().items()):
        preference = function.get("DeploymentPreference", {})
        alarms = [alarm["Ref"] for alarm in preference.get("Alarms", [])]
        watched = set()
        for alarm in alarms:
            for metric, dimensions in _metrics(resources[alarm]["Properties"]):
                watched.add(metric)
                if not any(dimension["Name"] in ("ExecutedVersion", "Version") for dimension in dimensions):
                    found.append(f"{alarm} takes a release back for {metric} of any version")
        if preference.get("Enabled", True) and not {"Errors", "ErrorCount"} <= watched:
            found.append(f"{name}: neither errors nor answered 5xx alone take a release back, but {sorted(watched)}")
    return found


def _hooks() -> list[str]:
    """Before traffic shifts the new version is asked, by a function that may ask and that CodeDeploy may call."""
    resources, found = template.translated()["Resources"], []
    shifting = set()
    for label, alias in sorted(resources.items()):
        if alias["Type"] == "AWS::Lambda::Alias" and "UpdatePolicy" in alias:
            hook = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"].get("BeforeAllowTrafficHook", {})
            called = resources.get(str(hook.get("Ref")), {}).get("Properties", {}).get("FunctionName", {})
            if not str(called.get("Fn::Sub")).endswith("-rollout"):
                found.append(f"{label} gets traffic that `rollout` doesn't hold back")
            shifting.add(alias["Properties"]["FunctionName"]["Ref"].lower())
    tried, asked = set(border.table()["rollout"]["tries"]), set()
    for name, function in template.functions().items():
        if any(event["Type"] == "HttpApi" for event in function.get("Events", {}).values()):
            asked.add(name)
    if tried != asked or not asked < shifting:
        found.append(f"`rollout` may try {sorted(tried)}; {sorted(asked)} answer requests, {sorted(shifting)} shift")
    if "lambda:InvokeFunction" not in policies.actions_of("modules/release", "codedeploy"):
        found.append("CodeDeploy may not call `rollout`")
    return found


def _metrics(alarm: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for query in alarm.get("Metrics", []):
        if "MetricStat" in query:
            yield query["MetricStat"]["Metric"]["MetricName"], query["MetricStat"]["Metric"]["Dimensions"]
    if "MetricName" in alarm:
        yield alarm["MetricName"], alarm["Dimensions"]


def _jobs() -> list[str]:
    """Each job has an alarm where it failed and one where it did not run."""
    monitoring = terraform.FOLDER / "modules" / "monitoring"
    known = set(terraform.local(monitoring, "jobs"))
    found = [f"no alarms watch the job {job}" for job in sorted(border.jobs() - known)]
    found += [f"alarms watch the job {job}, which functions/jobs doesn't know" for job in sorted(known - border.jobs())]
    alarms = dict(terraform.blocks(terraform.parsed(monitoring), "resource", "aws_cloudwatch_metric_alarm"))
    for name, missing in (("job_failed", "notBreaching"), ("job_absent", "breaching")):
        alarm = alarms.get(name, {})
        if alarm.get("for_each") != "${local.jobs}" or alarm.get("treat_missing_data") != missing:
            found.append(f"not every job has the alarm {name}, to which silence is {missing}")
    return found


def _cors() -> list[str]:
    cors = template.resources("AWS::Serverless::HttpApi")[0].get("CorsConfiguration", {})
    found = [
        f"CORS: {key} is not what PRODUCT.md says" for key, wanted in _CORS.items() if set(cors.get(key, [])) != wanted
    ]
    if "PortalOrigins" not in str(cors.get("AllowOrigins")):
        found.append("CORS: origins are not those that terraform publishes")
    return found
