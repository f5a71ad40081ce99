"""The functions, built and served by cargo-lambda at one address."""

from __future__ import annotations

import re
import subprocess
import threading
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import terminal
import tools
from console import StackError, line, step, warn
from folders import ROOT, State, is_free
from processes import Child, Processes

# A function starts at its first request, which waits for it.
START_SECONDS = 180.0


def require_free_port(port: int) -> None:
    if not is_free(port):
        raise StackError(
            f"Port {port} is in use: stop what listens there, or choose another: make start PORT={port + 1}."
        )


def build(processes: Processes, env: Mapping[str, str]) -> None:
    line("Building the functions (the first time takes some minutes) ...")
    with step("Building the functions"):
        processes.run(
            "The build",
            ["cargo", "build", "--workspace", "--bins", "--examples"],
            env=env,
            cwd=ROOT,
            error="The build failed: correct the error above and try again.",
        )


def run_example(processes: Processes, env: Mapping[str, str], name: str, *arguments: str) -> None:
    # Not `-p local`: cargo would build the dependencies anew with that package's features alone.
    processes.run(
        name,
        ["cargo", "run", "--quiet", "--example", name, "--", *arguments],
        env=env,
        cwd=ROOT,
        error=f"`{name}` failed: see its message above; `make reset` deletes the data for a fresh start.",
    )


def serve(
    processes: Processes, state: State, env: Mapping[str, str], port: int, *, concurrency: int, reload: bool
) -> Child:
    """Serves every function behind the gateway at `port`, and returns when all of them answer."""
    behind = state.port("functions")
    with step("Starting the functions"):
        command: list[str | Path] = [tools.BIN / "cargo-lambda", "lambda", "watch"]
        command += ["--invoke-address", "127.0.0.1", "-P", str(behind), "--concurrency", str(concurrency)]
        if not reload:
            command.append("--ignore-changes")
        child = processes.start("cargo lambda watch", command, env=env, cwd=ROOT, output=subprocess.PIPE)
        relay = _LogRelay(child, state.logs / "functions.log")
        try:
            _wait(child, relay, behind)
            _open(processes, state, env, port, behind)
        except StackError:
            warn(relay.tail())
            raise
    if reload:
        relay.show()
    return child


def _open(processes: Processes, state: State, env: Mapping[str, str], port: int, behind: int) -> None:
    """Starts API Gateway's stand-in, which answers browsers as template.yaml says."""
    gateway = processes.start(
        "The gateway",
        ["cargo", "run", "--quiet", "--example", "gateway", "--", str(port), str(behind)],
        log=state.logs / "gateway.log",
        env=env,
        cwd=ROOT,
    )
    end = time.monotonic() + START_SECONDS
    while is_free(port):
        if time.monotonic() > end or gateway.exit_code() is not None:
            raise gateway.failure("The gateway did not start: the reason is above.")
        time.sleep(0.05)
    _require_health(f"http://127.0.0.1:{port}/v1/health")


class _LogRelay:
    """Writes the output of cargo-lambda and the functions to a log and, once asked to, what matters to the terminal."""

    def __init__(self, child: Child, log: Path) -> None:
        self._log = log
        self._shows = False
        self._names = {user["id"]: user["fields"]["first_name"] for user in terminal.demo_users()}
        self.exited = False
        threading.Thread(target=self._read, args=(child.process.stdout,), daemon=True).start()

    def show(self) -> None:
        self._shows = True

    def tail(self) -> str:
        """The end of the log, without noise."""
        lines = [text for text in self._log.read_text().splitlines() if not terminal.is_noise(text)]
        return "\n".join(lines[-40:])

    def _read(self, output: IO[bytes]) -> None:
        with self._log.open("w") as file:
            for raw in output:
                text = raw.decode(errors="replace").rstrip("\n")
                print(terminal.plain(text), file=file, flush=True)
                self.exited = self.exited or terminal.is_exit(terminal.plain(text))
                if self._shows and (shown := terminal.log_line(text, self._names)) is not None:
                    line(shown)


def _one_request_each() -> dict[str, tuple[str, str]]:
    """For each function with a route, a method and path that lead to it: any answer shows that it lives."""
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())
    router = manifest["workspace"]["metadata"]["lambda"]["watch"]["router"]
    found: dict[str, tuple[str, str]] = {}
    for path, target in router.items():
        # A route is a function's name, or a list of methods each with one.
        entries = [{"function": target, "method": "GET"}] if isinstance(target, str) else target
        for entry in entries:
            found.setdefault(entry["function"], (entry["method"].upper(), re.sub(r"{[^}]*}", "start", path)))
    return found


def _wait(child: Child, relay: _LogRelay, port: int) -> None:
    address = f"http://127.0.0.1:{port}"
    end = time.monotonic() + START_SECONDS
    requests = _one_request_each()
    waiting = set(requests)
    sent = False
    while waiting:
        if child.exit_code() is not None:
            raise StackError("cargo lambda watch did not start: the reason is above.")
        if relay.exited or time.monotonic() > end:
            raise StackError(f"{' and '.join(sorted(waiting))} did not answer: correct the error above and try again.")
        if not sent and not is_free(port):
            sent = True
            for name, (method, path) in requests.items():
                request = urllib.request.Request(address + path, method=method)
                threading.Thread(target=_ask, args=(waiting, name, request), daemon=True).start()
        time.sleep(0.05)


def _ask(waiting: set[str], name: str, request: urllib.request.Request) -> None:
    """Takes a function that answers, whatever it says, from those that are waited for."""
    try:
        urllib.request.urlopen(request, timeout=START_SECONDS).close()
    except urllib.error.HTTPError:
        pass
    except OSError:
        return
    waiting.discard(name)


def _require_health(url: str) -> None:
    try:
        urllib.request.urlopen(url, timeout=START_SECONDS).close()
    except urllib.error.HTTPError as answer:
        raise StackError(f"{url} answered {answer.code}: {answer.read().decode(errors='replace')}") from None
    except OSError as fault:
        raise StackError(f"{url} did not answer: {fault}.") from fault
