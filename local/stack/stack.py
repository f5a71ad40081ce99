"""The parts put together: services, data, functions."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import board
import emulator
import environment
import functions
import postgres
import providers
import tools
from console import StackError, step
from folders import ENVIRONMENT, State
from processes import Processes


@dataclass(frozen=True)
class Services:
    """PostgreSQL and the AWS emulator, running, and the environment that leads to them."""

    processes: Processes
    server: postgres.Server
    env: Mapping[str, str]
    state: State
    port: int


@contextmanager
def children(state: State) -> Iterator[Processes]:
    """Whatever is started with these is stopped at the end."""
    processes = Processes(state.folder)
    try:
        yield processes
    finally:
        processes.stop_all()


@contextmanager
def services(state: State, port: int, *, persistent: bool) -> Iterator[Services]:
    """Starts PostgreSQL and the emulator; `port` is where the functions are or would be."""
    with children(state) as processes:
        tools.install(processes)
        server = postgres.start(processes, state, persistent=persistent)
        aws = emulator.start(processes, state)
        env = environment.variables(state, admin_url=server.url("postgres"), aws=aws, port=port)
        # For `make demo` beside a running stack.
        (state.folder / ENVIRONMENT).write_text(json.dumps(env))
        yield Services(processes, server, env, state, port)


def fill(running: Services, *sizes: str) -> None:
    """Makes database, tables, buckets and secrets, and the demo data."""
    functions.build(running.processes, running.env)
    with step("Preparing database, tables, buckets and secrets"):
        functions.run_example(running.processes, running.env, "prepare")
    with step("Loading the demo data"):
        functions.run_example(running.processes, running.env, "demo", *sizes)


def serve(running: Services, *, concurrency: int, reload: bool) -> str | None:
    """Serves what stands in for the providers, the functions and the board, whose origin it returns."""
    providers.start(running.processes, running.env, log=None if reload else running.state.logs / "fakes.log")
    functions.serve(running.processes, running.state, running.env, running.port, concurrency=concurrency, reload=reload)
    return board.start(running.processes, running.state, running.env)


def watch(running: Services) -> None:
    """Runs the schedules for as long as everything else runs."""
    providers.run_schedules(running.env)
    while True:
        time.sleep(1.0)
        if ended := running.processes.ended():
            raise StackError(f"{ended.name} ended unexpectedly: see {ended.log or 'above'}.")
