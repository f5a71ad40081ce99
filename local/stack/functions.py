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

import tools
from folders import ROOT, State, is_free
from processes import Child, Processes
from say import Trouble, line, step, warn

# A function starts at its first request, which waits for it.
START_SECONDS = 60.0

# What cargo, cargo-lambda and the Lambda runtime say at each start, of no use to a reader.
_NOISE = re.compile(
    r"^\s*(Finished `|Running `)"
    # Several cargos share one pipe, so that what one says may begin in the middle.
    r"|waiting for file lock|`dev` profile \["
    r"|ERROR command killed code=ForceStop"
    r"|INFO (starting|spawning|terminating) "
    r"|AWS_LAMBDA_MAX_CONCURRENCY is set"
    # The runtime's farewell when cargo-lambda replaces a function.
    r"|Lambda Runtime API returned non-200 response: status=500"
)
_ENDED = re.compile(r"ERROR command exited code=")
_ENDED_TEXT = "A function ended: its error is above. Requests to it wait until it is corrected and saved."
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def need_port(port: int) -> None:
    if not is_free(port):
        raise Trouble(f"Port {port} is in use: stop what listens there, or choose another: make start PORT={port + 1}.")


def build(processes: Processes, env: Mapping[str, str]) -> None:
    line("Building the functions (the first time takes some minutes) ...")
    with step("Building the functions"):
        processes.run(
            "The build",
            ["cargo", "build", "--workspace", "--bins", "--examples"],
            env=env,
            cwd=ROOT,
            trouble="The build failed: correct the error above and try again.",
        )


def run_example(processes: Processes, env: Mapping[str, str], name: str, *arguments: str) -> None:
    # Not `-p local`: cargo would build the dependencies anew with that package's features alone.
    processes.run(
        name,
        ["cargo", "run", "--quiet", "--example", name, "--", *arguments],
        env=env,
        cwd=ROOT,
        trouble=f"`{name}` failed: see its message above; `make reset` begins afresh.",
    )


def serve(
    processes: Processes, state: State, env: Mapping[str, str], port: int, *, concurrency: int, reload: bool
) -> Child:
    """Serves every function and answers when all of them do."""
    with step("Starting the functions"):
        command: list[str | Path] = [tools.BIN / "cargo-lambda", "lambda", "watch"]
        command += ["--invoke-address", "127.0.0.1", "-P", str(port), "--concurrency", str(concurrency)]
        if not reload:
            command.append("--ignore-changes")
        child = processes.start("cargo lambda watch", command, env=env, cwd=ROOT, output=subprocess.PIPE)
        relay = _Relay(child, state.logs / "functions.log")
        try:
            _wait(child, relay, port)
        except Trouble:
            warn(relay.last_words())
            raise
    if reload:
        relay.show()
    return child


class _Relay:
    """Writes all that cargo-lambda and the functions say to a log, and, once asked to, what matters to the terminal."""

    def __init__(self, child: Child, log: Path) -> None:
        self._log = log
        self._shows = False
        self.ended = False
        threading.Thread(target=self._read, args=(child.process.stdout,), daemon=True).start()

    def show(self) -> None:
        self._shows = True

    def last_words(self) -> str:
        said = [text for text in self._log.read_text().splitlines() if not _NOISE.search(text)]
        return "\n".join(said[-40:])

    def _read(self, output: IO[bytes]) -> None:
        with self._log.open("w") as file:
            for raw in output:
                text = raw.decode(errors="replace").rstrip("\n")
                plain = _COLOURS.sub("", text)
                print(plain, file=file, flush=True)
                self.ended = self.ended or bool(_ENDED.search(plain))
                if self._shows and not _NOISE.search(plain):
                    line(_ENDED_TEXT if _ENDED.search(plain) else text)


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


def _wait(child: Child, relay: _Relay, port: int) -> None:
    address = f"http://127.0.0.1:{port}"
    end = time.monotonic() + START_SECONDS
    requests = _one_request_each()
    waiting = set(requests)
    asked = False
    while waiting:
        if child.exit_code() is not None:
            raise Trouble("cargo lambda watch did not start: the reason is above.")
        if relay.ended or time.monotonic() > end:
            raise Trouble(f"{' and '.join(sorted(waiting))} did not answer: correct the error above and try again.")
        if not asked and not is_free(port):
            asked = True
            for name, (method, path) in requests.items():
                request = urllib.request.Request(address + path, method=method)
                threading.Thread(target=_ask, args=(waiting, name, request), daemon=True).start()
        time.sleep(0.05)
    _need_health(f"{address}/v1/health")


def _ask(waiting: set[str], name: str, request: urllib.request.Request) -> None:
    """Takes a function that answers, whatever it says, from those that are waited for."""
    try:
        urllib.request.urlopen(request, timeout=START_SECONDS).close()
    except urllib.error.HTTPError:
        pass
    except OSError:
        return
    waiting.discard(name)


def _need_health(url: str) -> None:
    try:
        urllib.request.urlopen(url, timeout=START_SECONDS).close()
    except urllib.error.HTTPError as answer:
        raise Trouble(f"{url} answered {answer.code}: {answer.read().decode(errors='replace')}") from None
    except OSError as fault:
        raise Trouble(f"{url} did not answer: {fault}.") from fault
