"""What template.yaml reads, terraform publishes; what one says twice, both say alike."""

from __future__ import annotations

import re
from typing import Any

import template
from template import ENVIRONMENTS, ROOT

import terraform

# Read by the delivery, and by the template as a list.
_BY_OTHERS = {"access/cloudformation-role-arn", "network/private-subnet-ids", "storage/releases-bucket"}
# RDS gives PostgreSQL a connection for each of so many bytes of the instance's memory.
_BYTES_A_CONNECTION = 9531392
_MEMORY_GIB = {"db.t4g.medium": 4, "db.r6g.large": 16}
_SECRET = re.compile(r"/secrets/([\w-]+)-arn")


def faults() -> list[str]:
    return [
        *_parameters(), *_concurrency(), *_functions(), *_readers(), *_schedules(), *_asynchronous(), *_stars(),
        *_boundaries(), *_table(), *_compose(),
    ]  # fmt: skip


def _parameters() -> list[str]:
    text = (terraform.FOLDER / "environments" / "staging" / "parameters.tf").read_text()
    published = set(re.findall(r'^ {4}"([\w/-]+)" +=', text, re.MULTILINE)) | {"network/private-subnet-ids"}
    read = (
        set(re.findall(r"resolve:ssm:/berthcare/\$\{Environment\}/([\w/-]+)", template.FILE.read_text())) | _BY_OTHERS
    )
    found = [f"template.yaml reads {name}, which terraform does not publish" for name in sorted(read - published)]
    return found + [f"terraform publishes {name}, which nothing reads" for name in sorted(published - read)]


def _sizes(environment: str) -> dict[str, Any]:
    import hcl2

    return dict(hcl2.loads((terraform.FOLDER / "environments" / environment / "sizes.auto.tfvars").read_text()))


def _concurrency() -> list[str]:
    found = []
    for environment in ENVIRONMENTS:
        together = sum(template.source()["Mappings"]["Concurrency"][environment].values())
        allowed = int(_sizes(environment)["function_concurrency"])
        if together != allowed:
            found.append(f"{environment}: template.yaml reserves {together} executions, terraform counts on {allowed}")
        # Each holds one connection of the proxy, which by itself takes 90 % of the database's.
        sizes = _sizes(environment)["database"]
        most = _MEMORY_GIB.get(sizes["instance_class"].strip('"'), 0) * 2**30 // _BYTES_A_CONNECTION * 9 // 10
        if together >= most:
            found.append(f"{environment}: {together} executions, and the proxy has {most} connections")
    return found


def _functions() -> list[str]:
    found = []
    for environment in ENVIRONMENTS:
        named = sorted(name.strip('"') for name in _sizes(environment)["functions"])
        for where, names in (
            ("terraform", named),
            ("the mapping", sorted(template.source()["Mappings"]["Concurrency"][environment])),
        ):
            if names != sorted(template.functions()):
                found.append(
                    f"{environment}: {where} knows the functions {names}, template.yaml {sorted(template.functions())}"
                )
    return found


def statements(function: str) -> list[dict[str, Any]]:
    """What a function's role allows it."""
    resources = template.source()["Resources"]
    role = resources[template.functions()[function]["Role"]["Fn::GetAtt"][0]]["Properties"]
    return [statement for policy in role["Policies"] for statement in policy["PolicyDocument"]["Statement"]]


def _readers() -> list[str]:
    """A secret's own policy and the functions' roles name the same readers."""
    readers: dict[str, set[str]] = {}
    for file in terraform.parsed(terraform.FOLDER / "modules" / "secrets"):
        for block in file.get("locals", []):
            for secret, functions in block.get("readers", {}).items():
                if not secret.startswith("__"):
                    readers[secret.strip('"').replace("/", "-")] = {name.strip('"') for name in functions}
    found = []
    for function in sorted(template.functions()):
        allowed = set(_SECRET.findall(str(statements(function))))
        named = {secret for secret, functions in readers.items() if function in functions}
        if allowed != named:
            found.append(f"{function} may read {sorted(allowed)} by its role, {sorted(named)} by the secrets' policies")
    return found


def _schedules() -> list[str]:
    """Each job has a schedule and each schedule a job."""
    text = (ROOT / "functions" / "jobs" / "src" / "lib.rs").read_text()
    body = re.search(r"pub enum Job \{(.*?)\n\}", text, re.DOTALL)
    if not body:
        raise SystemExit("functions/jobs/src/lib.rs has another shape than local/checks/border.py reads")
    jobs = {
        re.sub(r"(?<!^)([A-Z])", r"-\1", name).lower() for name in re.findall(r"^ {4}(\w+),$", body[1], re.MULTILINE)
    }
    events = template.functions()["jobs"]["Events"].values()
    scheduled = {re.search(r'"job": "([\w-]+)"', event["Properties"]["Input"])[1] for event in events}
    found = [f"the job {job} has no schedule in template.yaml" for job in sorted(jobs - scheduled)]
    for event in events:
        for needed in ("ScheduleExpressionTimezone", "RetryPolicy", "DeadLetterConfig"):
            if needed not in event["Properties"]:
                found.append(f"the schedule {event['Properties']['Name']} has no {needed}")
    return found + [
        f"template.yaml schedules {job}, which functions/jobs doesn't know" for job in sorted(scheduled - jobs)
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
    return found


def _stars() -> list[str]:
    """A statement allows one action on one named resource; X-Ray alone knows no resources."""
    found = []
    for function in sorted(template.functions()):
        for statement in statements(function):
            action, resource = statement["Action"], statement["Resource"]
            if not isinstance(action, str) or "*" in action:
                found.append(f"{function}: {action} is not one action")
            if resource == "*" and not str(action).startswith("xray:"):
                found.append(f"{function}: {action} on everything")
    return found


def _boundaries() -> list[str]:
    """What a role allows and its boundary doesn't is refused in AWS; what a boundary holds beyond the roles bounds nothing."""
    roles = {
        name: body["Properties"]
        for name, body in template.source()["Resources"].items()
        if body["Type"] == "AWS::IAM::Role"
    }
    own = {name: _actions_of_role(role) for name, role in roles.items()}
    delivery = own.pop("RolloutRole") | own.pop("SchedulerRole")
    functions = set().union(*own.values()) | actions_of_document("vpc")
    found = []
    for name, used in (("boundary", functions), ("delivery_boundary", delivery)):
        bound = actions_of_document(name)
        found += [f"terraform's {name} refuses {action}, which a role allows" for action in sorted(used - bound)]
        found += [f"terraform's {name} holds {action}, which no role allows" for action in sorted(bound - used)]
    return found


def _actions_of_role(role: dict[str, Any]) -> set[str]:
    return {statement["Action"] for policy in role["Policies"] for statement in policy["PolicyDocument"]["Statement"]}


def actions_of_document(name: str) -> set[str]:
    """What a policy document of terraform/modules/access allows."""
    for file in terraform.parsed(terraform.FOLDER / "modules" / "access"):
        for block in file.get("data", []):
            for named in block.values():
                for label, body in named.items():
                    if label.strip('"') == name:
                        allowing = [
                            one for one in body["statement"] if one.get("effect", '"Allow"').strip('"') == "Allow"
                        ]
                        return {action.strip('"') for one in allowing for action in one["actions"]}
    raise SystemExit(f"terraform/modules/access has no policy document {name}")


def _table() -> list[str]:
    """DynamoDB counts its own faults by operation, so that the alarm names each operation that a role allows."""
    text = (terraform.FOLDER / "modules" / "monitoring" / "variables.tf").read_text()
    default = re.search(r'"ephemeral_operations" \{.*?default *= \[(.*?)\]', text, re.DOTALL)
    watched = set(re.findall(r"\w+", default[1] if default else ""))
    asked = {
        str(statement["Action"]).removeprefix("dynamodb:")
        for function in template.functions()
        for statement in statements(function)
        if str(statement["Action"]).startswith("dynamodb:")
    }
    return [f"the alarm on DynamoDB's faults and the roles differ in {name}" for name in sorted(watched ^ asked)]


def _compose() -> list[str]:
    """docker-compose.yml tells to set what the local stack sets, but for what is any shell's own."""
    ours = set(
        re.findall(r'^ {8}"([A-Z_]+)":', (ROOT / "local" / "stack" / "environment.py").read_text(), re.MULTILINE)
    )
    told = set(re.findall(r"\b([A-Z][A-Z_]+)=", (ROOT / "docker-compose.yml").read_text()))
    return [f"docker-compose.yml doesn't tell to set {name}" for name in sorted(ours - told - {"LOG_LEVEL", "PATH"})]
