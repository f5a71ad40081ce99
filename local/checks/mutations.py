"""Whether the checks notice: breaks a copy of the project in one place at a time, and wants each break found."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import calls
from template import ROOT

# Check, file, what to break, and what it becomes.
BREAKS = [
    ("routes", "template.yaml", r"/v1/clients/\{id\}/timeline", "/v1/clients/{id}/history"),
    ("routes", "Cargo.toml", r'"/v1/conflicts" = "visits"', '"/v1/conflicts" = "sync"'),
    ("routes", "functions/health/openapi.json", r'"/v1/sync/status"', '"/v1/sync/state"'),
    ("border", "template.yaml", r"ephemeral/table-name", "ephemeral/table"),
    ("border", "template.yaml", r"(staging:\n(?: {6}\w+: \d+\n)*? {6}sync: )\d+", r"\g<1>999"),
    ("border", "template.yaml", r"Action: dynamodb:GetItem", "Action: dynamodb:*"),
    ("border", "template.yaml", r"secrets/jwt-signing-key-arn", "secrets/twilio-account-arn"),
    ("border", "terraform/modules/secrets/main.tf", r'(jwt-signing-key" += )\["auth"\]', r'\1["auth", "visits"]'),
    ("border", "terraform/modules/access/functions.tf", r'"s3:GetObjectVersion", ', ""),
    ("border", "terraform/modules/access/delivery.tf", r'"lambda:GetProvisionedConcurrencyConfig", ', ""),
    ("border", "template.yaml", r" *ScheduleExpressionTimezone: UTC\n", ""),
    ("border", "template.yaml", r" {6}EventInvokeConfig:\n(?: {8}.*\n)+", ""),
    ("border", "terraform/environments/staging/sizes.auto.tfvars", r"db\.t4g\.medium", "db.t4g.micro"),
    ("border", "docker-compose.yml", r" ANCHORS_BUCKET=\S+", ""),
    ("border", "template.yaml", r'"job": "clean-up"', '"job": "tidy-up"'),
    ("handlers", "terraform/modules/access/delivery.tf", r'"sqs:ListQueueTags", ', ""),
    ("metrics", "terraform/modules/monitoring/alarms.tf", r'metric = "OutboxAge"', 'metric = "OutboxAges"'),
    ("metrics", "terraform/modules/monitoring/dashboards.tf", r'"SyncConflicts"', '"SyncQuarrels"'),
    ("metrics", "shared/runtime/src/metrics.rs", r"\n    OutboxAge,", "\n    OutboxOld,"),
    ("metrics", "shared/runtime/src/metrics.rs", r"&\[Dimension::Job\]", "&[Dimension::Function]"),
    ("metrics", "template.yaml", r"MetricName: 5xx", "MetricName: 5XXError"),
    ("delivery", "delivery/deploy.py", r"if not first:", "if first:"),
    ("delivery", "delivery/migrations.py", r"sys\.exit\(f", "print(f"),
    ("delivery", "delivery/contract.py", r"!= newest", "> newest"),
    ("runbooks", "docs/runbooks/rollback.md", r"--routing-config ", "--routing "),
    ("runbooks", "docs/runbooks/stuck-outbox.md", r"aws scheduler list-schedules", "aws scheduler list-schedule"),
    ("sql", "shared/schema/policies/visits.sql", r", force row level security", ""),
    ("sql", "shared/schema/policies/photos.sql", r"alter table photos .*\n", ""),
    ("sql", "shared/schema/policies/alerts_and_messages.sql", r"(policy staff_cause [^;]*check )\([^;]*;", r"\1(true);"),
    ("sql", "shared/schema/tables/V006__photos.sql", r"$", "alter table visits rename notes to note;\n"),
    ("workflows", ".github/workflows/deliver.yml", r"( *- run: make deploy.*\n)( *- run: make smoke.*\n)", r"\2\1"),
    ("workflows", ".github/workflows/check.yml", r"(rust-cache@)[0-9a-f]{40} # v[\d.]+", r"\1v2"),
]
_COPIED = [
    "terraform", "template.yaml", "Cargo.toml", "shared/runtime/src/metrics.rs", "local/checks", "functions", "delivery",
    "samconfig.toml", ".github", "docker-compose.yml", "local/stack/environment.py",
    "docs/runbooks", "shared/schema",
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
    found = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in _COPIED:
            take = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            take(ROOT / name, copy / name)
        for check, name, pattern, replacement in BREAKS:
            file = copy / name
            whole = file.read_text()
            broken = re.sub(pattern, replacement, whole, count=1)
            if broken == whole:
                found.append(f"{name} no longer holds {pattern}: break something else there")
                continue
            file.write_text(broken)
            program = f"import sys; sys.path.insert(0, 'local/checks'); import {check}; sys.exit(7 if {check}.faults() else 0)"
            reply = subprocess.run([sys.executable, "-c", program], cwd=copy, capture_output=True, text=True)
            if reply.returncode != 7:
                found.append(f"{check} did not notice {pattern} -> {replacement} in {name}: {reply.stderr}")
            file.write_text(whole)
    return found
