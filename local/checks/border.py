"""What template.yaml reads, terraform publishes; what one says twice, both say alike."""

from __future__ import annotations

import re
from typing import Any

import template
import terraform
from template import ENVIRONMENTS, ROOT

# Read by the delivery, by terraform/edge, and by the runbooks.
_BY_OTHERS = {
    "access/cloudformation-role-arn", "backup/role-arn", "edge/origin-domain", "edge/origin-secret",
    "edge/portal-origins", "realtime/target",
    "storage/releases-bucket",
}  # fmt: skip
# RDS gives PostgreSQL a connection for each of so many bytes of the instance's memory.
_BYTES_A_CONNECTION = 9531392
_MEMORY_GIB = {"db.t4g.medium": 4, "db.r6g.large": 16}
_REGION = terraform.FOLDER / "region"


def faults() -> list[str]:
    return [
        *_parameters(), *_concurrency(), *_functions(), *_roles(), *_schedules(), *_asynchronous(), *_configuration(),
        *_environments(), *_compose(),
    ]  # fmt: skip


def table() -> dict[str, dict[str, Any]]:
    """The table of functions: what each may do."""
    return dict(terraform.local(_REGION, "functions"))


def _parameters() -> list[str]:
    published = {"edge/origin-secret", *terraform.local(_REGION, "published"), *terraform.local(_REGION, "lists")}
    read = set(_BY_OTHERS)
    for parameter in template.source()["Parameters"].values():
        if parameter["Type"].startswith("AWS::SSM::"):
            read.add(parameter["Default"].removeprefix("/berthcare/staging/"))
    found = [f"template.yaml reads {name}, which terraform does not publish" for name in sorted(read - published)]
    return found + [f"terraform publishes {name}, which nothing reads" for name in sorted(published - read)]


def _concurrency() -> list[str]:
    found = []
    for environment in ENVIRONMENTS:
        reserved = template.source()["Mappings"]["Concurrency"][environment]
        sizes = terraform.values(environment)
        if reserved != sizes["concurrency"]:
            found.append(
                f"{environment}: template.yaml reserves {reserved}, terraform counts on {sizes['concurrency']}"
            )
        # Each holds one connection of the proxy, which by itself takes 90 % of the database's.
        memory = _MEMORY_GIB.get(sizes["database"]["instance_class"], 0)
        most = memory * 2**30 // _BYTES_A_CONNECTION * 9 // 10
        if sum(reserved.values()) >= most:
            found.append(f"{environment}: {sum(reserved.values())} executions, and the proxy has {most} connections")
    return found


def _functions() -> list[str]:
    known = sorted(template.functions())
    if sorted(table()) != known:
        return [f"terraform's table knows the functions {sorted(table())}, template.yaml {known}"]
    return []


def _roles() -> list[str]:
    """A function has the role that its line in the table makes, and nobody else's."""
    found = []
    for name, function in sorted(template.functions().items()):
        if function["Role"] != {"Fn::Sub": f"${{RolePrefix}}{name}"}:
            found.append(f"{name} has the role {function['Role']}")
    for name, line in sorted(table().items()):
        for object_ in line["objects"]:
            if "*" in object_["action"] or not object_["action"].startswith("s3:"):
                found.append(f"{name}: {object_['action']} is not one action of S3")
        named = [*line["table"], *line["secrets"], *line["invokes"], *line.get("tries", [])]
        if any("*" in operation for operation in named):
            found.append(f"{name} may do more than one thing by one word")
    return found


def jobs() -> set[str]:
    """The jobs there are."""
    text = (ROOT / "shared" / "domain" / "src" / "jobs.rs").read_text()
    body = re.search(r"pub enum JobName \{(.*?)\n\}", text, re.DOTALL)
    if not body:
        raise SystemExit("shared/domain/src/jobs.rs has another shape than local/checks/border.py reads")
    of_jobs = {
        re.sub(r"(?<!^)([A-Z])", r"-\1", name).lower() for name in re.findall(r"^ {4}(\w+),$", body[1], re.MULTILINE)
    }
    # The one job of the function `exports`.
    return {*of_jobs, "exports"}


def _schedules() -> list[str]:
    """Each job has a schedule and each schedule a job."""
    functions = (template.functions()[name] for name in ("exports", "jobs", "urgent"))
    events = [event for function in functions for event in function["Events"].values()]
    scheduled = {re.search(r'"job": "([\w-]+)"', event["Properties"]["Input"])[1] for event in events}
    found = [f"the job {job} has no schedule in template.yaml" for job in sorted(jobs() - scheduled)]
    for event in events:
        for needed in ("ScheduleExpressionTimezone", "RetryPolicy", "DeadLetterConfig"):
            if needed not in event["Properties"]:
                found.append(f"the schedule {event['Properties']['Name']} has no {needed}")
    return found + [
        f"template.yaml schedules {job}, which functions/jobs doesn't know" for job in sorted(scheduled - jobs())
    ]


def _asynchronous() -> list[str]:
    """What nobody waits for is kept where it fails: the function's destination takes it, and the event's own queue."""
    found = []
    for name, function in sorted(template.functions().items()):
        events = [event for event in function.get("Events", {}).values() if event["Type"] != "HttpApi"]
        if events and "OnFailure" not in function.get("EventInvokeConfig", {}).get("DestinationConfig", {}):
            found.append(f"{name} has events that nobody waits for, and no destination for those that fail")
        if any("DeadLetterConfig" not in event["Properties"] for event in events):
            found.append(f"{name} has an event without a queue of dead letters")
        # Other functions invoke it, where it has a destination and no event.
        if (bool(events) or "EventInvokeConfig" in function) != table()[name]["events"]:
            found.append(f"{name} has {len(events)} events, and terraform's table says otherwise")
    return found


def _configuration() -> list[str]:
    """Another value that terraform published is another version of each function."""
    variables = template.source()["Globals"]["Function"]["Environment"]["Variables"]
    found = [] if {"Ref": "ConfigurationDigest"} in variables.values() else ["no function knows ConfigurationDigest"]
    for name, function in sorted(template.functions().items()):
        if function.get("AutoPublishAliasAllProperties") is not True:
            found.append(f"a change of {name}'s configuration alone publishes no version")
    return found


def _environments() -> list[str]:
    """Environments differ by values alone: both files give values of the same names."""
    ours, other = (set(terraform.values(environment)) for environment in ENVIRONMENTS)
    return [f"one environment alone says {name}" for name in sorted(ours ^ other)]


def _compose() -> list[str]:
    """docker-compose.yml tells to set what the local stack sets, but for what is any shell's own."""
    ours = set(
        re.findall(r'^ {8}"([A-Z_]+)":', (ROOT / "local" / "stack" / "environment.py").read_text(), re.MULTILINE)
    )
    told = set(re.findall(r"\b([A-Z_]+)=", (ROOT / "docker-compose.yml").read_text()))
    return [f"docker-compose.yml doesn't tell to set {name}" for name in sorted(ours - told - {"LOG_LEVEL", "PATH"})]
