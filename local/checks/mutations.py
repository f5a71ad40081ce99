"""Whether the checks notice: breaks a copy of the project in one place at a time, and wants each break found."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

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
    ("border", "template.yaml", r'"job": "clean-up"', '"job": "tidy-up"'),
    ("metrics", "terraform/modules/monitoring/alarms.tf", r'metric = "OutboxAge"', 'metric = "OutboxAges"'),
    ("metrics", "terraform/modules/monitoring/dashboards.tf", r'"SyncConflicts"', '"SyncQuarrels"'),
    ("metrics", "shared/src/metrics.rs", r"\n    OutboxAge,", "\n    OutboxOld,"),
    ("metrics", "shared/src/metrics.rs", r"&\[Dimension::Job\]", "&[Dimension::Function]"),
    ("metrics", "template.yaml", r"MetricName: 5xx", "MetricName: 5XXError"),
]
_COPIED = ["terraform", "template.yaml", "Cargo.toml", "shared/src/metrics.rs", "local/checks", "functions"]


def faults() -> list[str]:
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
