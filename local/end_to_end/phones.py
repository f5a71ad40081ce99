"""Caregivers' phones beside the browser: WatermelonDB's real client in a process of Node (phone.mjs)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from client import Unexpected


class Phones:
    """Phones by name, each somebody's."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def tell(self, phone: str, act: str, **given: Any) -> Any:
        """What the phone answers when it has done that."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({"phone": phone, "act": act} | given) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"error": "it ended"}
        if "error" in answer:
            raise Unexpected(f"the phone {phone}, {act}: {answer['error']}")
        return answer["done"]


@contextmanager
def phones() -> Iterator[Phones]:
    """None yet; `signIn` makes one."""
    command = ["node", str(Path(__file__).with_name("phone.mjs"))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Phones(process)
    finally:
        process.terminate()
        process.wait(10)
