"""Whether the checks notice: breaks a copy of the project in one place at a time, and wants each break found."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import calls
import metrics
from template import ROOT

METRICS = str(metrics.SOURCE.relative_to(ROOT))

# Check, file, what to break, and what it becomes.
BREAKS = [
    ("routes", "template.yaml", r"/v1/clients/\{id\}/timeline", "/v1/clients/{id}/events"),
    ("routes", "Cargo.toml", r'"/v1/conflicts" = "visits"', '"/v1/conflicts" = "sync"'),
    ("routes", "functions/health/openapi.json", r'"/v1/sync/status"', '"/v1/sync/state"'),
    ("border", "template.yaml", r"ephemeral/table-name", "ephemeral/table"),
    ("border", "template.yaml", r"(staging: \{alerts.*? sync: )\d+", r"\g<1>999"),
    ("border", "template.yaml", r"RolePrefix\}clients", "RolePrefix}auth"),
    ("border", "template.yaml", r" *ScheduleExpressionTimezone: UTC,", ""),
    ("border", "template.yaml", r" {6}EventInvokeConfig:\n(?: {8}.*\n)+", ""),
    ("border", "template.yaml", r" *AutoPublishAliasAllProperties: true\n", ""),
    ("border", "template.yaml", r" *CONFIGURATION_DIGEST.*\n", ""),
    ("border", "template.yaml", r'"job": "clean-up"', '"job": "tidy-up"'),
    ("border", "terraform/region/functions.tf", r"s3:PutObjectRetention", "s3:Put*"),
    (
        "border",
        "terraform/region/functions.tf",
        r"(keys = \"\" \},\n      \]\n      invokes = .*\n      events  = )true",
        r"\1false",
    ),
    ("border", "terraform/environments/staging.tfvars", r"db\.t4g\.medium", "db.t4g.micro"),
    ("border", "terraform/environments/staging.tfvars", r"budget_usd = 220\n", ""),
    ("border", "docker-compose.yml", r" ANCHORS_BUCKET=\S+", ""),
    ("policies", "terraform/modules/functions/main.tf", r" *dynamodb +=.*\n", ""),
    ("policies", "terraform/modules/release/roles.tf", r'"kms:Decrypt", "kms:GenerateDataKey"', '"kms:Decrypt"'),
    (
        "policies",
        "terraform/modules/monitoring/trail.tf",
        r'( service  = "cloudtrail.amazonaws.com"\n)',
        r"\1  own_account_only = true\n",
    ),
    (
        "policies",
        "terraform/modules/secrets/main.tf",
        r'(principal = "events.amazonaws.com")',
        r"\1, condition = local.from_this_account",
    ),
    ("policies", "terraform/modules/secrets/origin.tf", r"secret_string_wo =", "secret_string ="),
    ("policies", "terraform/modules/secrets/versions.tf", r"~> 6\.66", "~> 6.0"),
    (
        "policies",
        "terraform/modules/release/roles.tf",
        r'(DescribeAlarms"\]\n    resources = )\["\*"\]',
        r'\1["arn:aws:cloudwatch:${local.here}:alarm:x"]',
    ),
    ("policies", "terraform/modules/monitoring/backups.tf", r'"Backup Job State Change"', '"BACKUP_JOB_FAILED"'),
    ("policies", "terraform/modules/database/main.tf", r"db_name +=.*\n", '  replicate_source_db = "x"\n'),
    (
        "policies",
        "terraform/environments/account.tfvars.example",
        r"berthcare@\d+/berthcare@\d+",
        "berthcare/berthcare",
    ),
    (
        "release",
        "template.yaml",
        r"PUBLIC_URL: !Ref PublicUrl",
        "PUBLIC_URL: !Sub '{{resolve:ssm:/berthcare/${Environment}/edge/public-url}}'",
    ),
    ("release", "template.yaml", r"AllowOrigins: .*", "AllowOrigins: [!Ref PublicUrl]"),
    ("release", "template.yaml", r"ExposeHeaders: \[etag, ", "ExposeHeaders: ["),
    ("release", "template.yaml", r"(  Schedules:\n    Type: .*\n)", r"\1    DeletionPolicy: Retain\n"),
    ("release", "template.yaml", r", \{Name: ExecutedVersion, Value: !GetAtt [\w.]+\}", ""),
    ("release", "template.yaml", r" *Hooks: .*\n", ""),
    ("release", "template.yaml", r"(Hooks: \{PreTraffic: !Ref )RolloutHook", r"\1Health"),
    ("release", "terraform/region/functions.tf", r'"sync", "visits", "webhooks"\]', '"visits", "webhooks"]'),
    (
        "release",
        "terraform/modules/release/roles.tf",
        r'"lambda:InvokeFunction"(\]\n.*-rollout"\])',
        r'"lambda:GetAlias"\1',
    ),
    ("release", "template.yaml", r", \{Name: Version, Value: !GetAtt Sync.Version.Version\}", ""),
    ("release", "template.yaml", r"Alarms: \[!Ref SyncFailing, ", "Alarms: ["),
    ("release", "terraform/modules/monitoring/jobs.tf", r" *late-visits +=.*\n", ""),
    (
        "release",
        "terraform/modules/monitoring/jobs.tf",
        r'treat_missing_data  = "breaching"',
        'treat_missing_data  = "ignore"',
    ),
    ("regions", "terraform/modules/backup/main.tf", r"var\.context\.global_name\}-backup", "var.context.name}-backup"),
    (
        "regions",
        "terraform/modules/copies/main.tf",
        r'(vault" "this" \{\n  name        = "\$\{var.name\})-copies',
        r"\1",
    ),
    ("handlers", "terraform/modules/release/main.tf", r'"cloudwatch:ListTagsForResource", ', ""),
    ("metrics", "terraform/modules/monitoring/alarms.tf", r'metric = "OutboxAge"', 'metric = "OutboxAges"'),
    ("metrics", "terraform/modules/monitoring/dashboards.tf", r'"SyncConflicts"', '"SyncQuarrels"'),
    ("metrics", "terraform/edge/alarms.tf", r'"HealthCheckPercentageHealthy"', '"HealthCheckPercentage"'),
    ("metrics", METRICS, r"\n    OutboxAge,", "\n    OutboxOld,"),
    ("metrics", METRICS, r"&\[&\[Dimension::Job\]\]", "&[&[Dimension::Function]]"),
    ("metrics", METRICS, r", Dimension::Version\]", "]"),
    ("metrics", "template.yaml", r"MetricName: 5xx", "MetricName: 5XXError"),
    ("delivery", "delivery/deploy.py", r"if not first:", "if first:"),
    ("delivery", "delivery/deploy.py", r"versions\.note", "versions.names or versions.note"),
    ("delivery", "delivery/deploy.py", r'f"/\{self._environment\}/"\)', '"/production/")'),
    ("delivery", "delivery/migrations.py", r"sys\.exit\(f", "print(f"),
    ("delivery", "delivery/contract.py", r"!= newest", "> newest"),
    ("delivery", "delivery/contract.py", r"    _snapshot\(environment\)\n", ""),
    ("delivery", "delivery/versions.py", r' and name != "migrate"', ""),
    ("provenance", "delivery/provenance.py", r"!= digests\(\)", "== {}"),
    (
        "provenance",
        "delivery/provenance.py",
        r"capture_output=True\).returncode",
        "capture_output=True).returncode > 9",
    ),
    ("provenance", "delivery/approved.sh", r"grep -qxF", "grep -qxFv"),
    ("provenance", "delivery/approved.sh", r"git -c gpg.*\n", ""),
    ("supply_chain", ".github/workflows/deliver.yml", r".*delivery/rust\.sh\n", ""),
    (
        "supply_chain",
        ".github/workflows/nightly.yml",
        r"- run: make \$\{\{ matrix.command \}\}",
        "- run: rustup default 1.95",
    ),
    ("supply_chain", ".github/workflows/deliver.yml", r"--require-hashes ", ""),
    ("supply_chain", ".github/workflows/deliver.yml", r".*sbom\.cdx\.json\n", ""),
    ("supply_chain", ".github/workflows/release.yml", r"gh release create", "echo"),
    ("supply_chain", "delivery/requirements.txt", r"attrs==26.*(\n    --hash.*)+\n", "attrs==26.1.0\n"),
    ("supply_chain", "local/stack/tools.py", r'"--require-hashes"', ""),
    ("supply_chain", "delivery/sbom.py", r'None, "build"\}', 'None, "build", "dev"}'),
    ("supply_chain", "delivery/sbom.py", r"elif id not in members", "elif not members"),
    ("supply_chain", "Makefile", r".*delivery/sbom.*\n", ""),
    ("provenance", "delivery/provenance.py", r'if not files\[1\]\.exists\(\):\n.*\n', ""),
    ("security", "docs/security.md", r"`shared/web/src/tokens\.rs`", "`shared/web/src/token.rs`"),
    ("security", "docs/security.md", r"\| V6\.5\.1 .*\n", ""),
    ("security", "docs/security.md", r"\| V9\.1\.1 \|(.*)\| met \| .* \|\n", r"| V9.1.1 |\1| met | |\n"),
    ("security", "SECURITY.md", r"- Access tokens live", "- Nobody is ever asked for a password. Tokens live"),
    ("workflows", ".github/workflows/release.yml", r".*delivery/approved.*\n", ""),
    ("runbooks", "docs/runbooks/stuck-outbox.md", r"aws scheduler list-schedules", "aws scheduler list-schedule"),
    ("sql", "shared/schema/policies/visits.sql", r", force row level security", ""),
    ("sql", "shared/schema/policies/photos.sql", r"alter table photos .*\n", ""),
    (
        "sql",
        "shared/schema/policies/alerts_and_messages.sql",
        r"(policy staff_cause [^;]*check )\([^;]*;",
        r"\1(true);",
    ),
    ("sql", "shared/schema/tables/V006__photos.sql", r"$", "alter table visits rename notes to note;\n"),
    ("runbooks", "docs/runbooks/lost-device.md", r"'\.items\[\] \| \[\.id, \.name", "'.[] | [.id, .name"),
    (
        "runbooks",
        "docs/runbooks/database-restore.md",
        r"DBInstances\[0\]\.LatestRestorableTime",
        "DBInstance.LatestRestorableTime",
    ),
    ("runbooks", "docs/runbooks/database-restore.md", r" --target-db-instance-identifier \S+", ""),
    ("runbooks", "docs/runbooks/database-restore.md", r"\.tfvars -var-file", ".values -var-file"),
    ("runbooks", "docs/runbooks/rollback.md", r"make versions", "make version"),
    ("runbooks", "docs/runbooks/release.md", r"By hand, with", "By `terraform plan`, with"),
    ("workflows", ".github/workflows/deliver.yml", r"( *- run: make deploy.*\n)( *- run: make smoke.*\n)", r"\2\1"),
    ("workflows", ".github/workflows/check.yml", r"(rust-cache@)[0-9a-f]{40} # v[\d.]+", r"\1v2"),
]
_COPIED = [
    "terraform", "template.yaml", "Cargo.toml", METRICS, "local/checks", "functions", "delivery",
    "samconfig.toml", ".github", "docker-compose.yml", "local/stack/environment.py", "local/stack/tools.py",
    "docs/security.md", "SECURITY.md",
    "docs/runbooks", "Makefile", "shared/schema", "shared/domain/src/jobs.rs", "local/loopback.py",
]  # fmt: skip


def faults() -> list[str]:
    return [*_files(), *_calls()]


def _calls() -> list[str]:
    """The same of the record of calls, which `make test` makes: one that fits the roles, and what fits them not."""
    fitting = [
        f"{right.function} {right.action} {right.resource}"
        for right in calls.allowed()
        if not any(unseen.covers(right) for unseen in calls.UNSEEN)
    ]
    records = {
        "": fitting,
        "asked for, and refused": [*fitting, "clients s3:GetObject photos/uploads/"],
        "allowed, and asked for by no test": [
            line for line in fitting if not line.startswith("auth dynamodb:GetItem ")
        ],
        "excepted as unseen, and seen": [*fitting, "photos s3:ListBucket photos"],
    }
    found = []
    for expected, lines in records.items():
        told = calls.compare("\n".join(lines))
        if len(told) != bool(expected) or not all(fault.startswith(expected) for fault in told):
            found.append(f"calls found {told} where it should have found one that is {expected or 'nothing'}")
    calls.UNSEEN[right := calls.Right("visits", "s3:GetObject", "photos")] = "for this test"
    if not any(fault.startswith("excepted, and allowed by no role") for fault in calls.compare("\n".join(fitting))):
        found.append("calls did not notice an exception of which no role needs it")
    del calls.UNSEEN[right]
    return found


def _files() -> list[str]:
    """Each worker has a copy of its own, breaks one place after another in it, and mends it again."""
    workers = os.cpu_count() or 2
    with tempfile.TemporaryDirectory() as folder:
        running = []
        for worker in range(workers):
            copy = Path(folder) / str(worker)
            _copy(copy)
            program = (
                f"import sys; sys.path.insert(0, 'local/checks'); import mutations; mutations.work({worker}, {workers})"
            )
            command = [sys.executable, "-c", program]
            running.append(
                subprocess.Popen(command, cwd=copy, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            )
        found = []
        for process in running:
            told, fault = process.communicate()
            found += json.loads(told.splitlines()[-1]) if process.returncode == 0 else [fault]
    return found


def _copy(copy: Path) -> None:
    for name in _COPIED:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, copy / name, ignore=shutil.ignore_patterns(".terraform", "*.tfstate*", "src", "target")
            )
        else:
            shutil.copy(ROOT / name, copy / name)
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (copy / "files.txt").write_text(files)
    # Of the functions' code the jobs' names are all that is read.
    shutil.copytree(ROOT / "functions" / "jobs" / "src", copy / "functions" / "jobs" / "src")


def work(worker: int, workers: int) -> None:
    """Every so many-th break, in the present folder; prints what went unnoticed."""
    found = []
    for check, name, pattern, replacement in BREAKS[worker::workers]:
        if check == "regions" and not os.environ.get("TFOFFLINE"):
            continue
        file = ROOT / name
        whole = file.read_text()
        broken = re.sub(pattern, replacement, whole, count=1)
        if broken == whole:
            found.append(f"{name} no longer holds {pattern}: break something else there")
            continue
        file.write_text(broken)
        try:
            module = importlib.import_module(check)
            # The first fault is enough, where a check tells them one after another.
            noticed = next(module.found(), None) is not None if hasattr(module, "found") else bool(module.faults())
        except SystemExit as told:
            noticed = bool(told.code)
        except Exception:
            found.append(f"{check} broke over {pattern} -> {replacement} in {name}: {traceback.format_exc()}")
            noticed = True
        finally:
            file.write_text(whole)
        if not noticed:
            found.append(f"{check} did not notice {pattern} -> {replacement} in {name}")
    print(json.dumps(found))
