"""The command line of the local stack."""

from __future__ import annotations

import argparse
import os

import folders
import functions
import pooler
import providers
import signals
import stack
import tools
from console import StackError, line, step, warn

_READY = """
BerthCare is running. What you can open:

{board}  http://127.0.0.1:{port}/v1/docs    the API, to read and to try; sign in as a demo user by one click
  http://127.0.0.1:{port}/v1         the API itself: nurse@demo.berthcare.ca, password berthcare-demo;
                                   also aide@, coordinator@, family@, and admin@ with a code as "totp"

In another terminal:

  make totp                                 a code for admin@, good for one sign-in
  make reply FROM=+14165550171 BODY=CALL    an SMS from Paul, a client's son
  make press DIGITS=1                       a key on the call that waits for one
  make logs                                 everything that the functions log, with metrics

Requests, errors, SMS and calls appear below. Ctrl-C stops everything.
"""
_BOARD = """\
  {origin}           the board: a coordinator's day and a family's view, signed in by one click
"""


def main() -> int:
    arguments = _parser().parse_args()
    signals.listen()
    try:
        code: int = arguments.run(arguments)
        return code
    except StackError as error:
        warn(str(error))
        return 1
    except signals.Terminated as signal:
        return 128 + signal.number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 local/stack", description=__doc__)
    commands = parser.add_subparsers(required=True)

    start = commands.add_parser("start", help="serve every function on demo data until Ctrl-C")
    start.add_argument("--port", type=int, default=9000)
    start.add_argument("--concurrency", type=int, default=2, help="instances of each function")
    start.set_defaults(run=_start)

    demo = commands.add_parser("demo", help="load demo data, also beside a running stack")
    demo.add_argument("sizes", nargs="*", help="arguments of the demo program, such as --clients 2000")
    demo.set_defaults(run=_demo)

    run = commands.add_parser("exec", help="start PostgreSQL and the AWS emulator, run a command, stop them")
    run.add_argument("--serve", action="store_true", help="also load the demo data and serve every function")
    run.add_argument("--pooled", action="store_true", help="also put PgBouncer before PostgreSQL")
    run.add_argument("command", nargs="+")
    run.set_defaults(run=_exec)

    reply = commands.add_parser("reply", help="send an SMS to the running stack as somebody with that number would")
    reply.add_argument("--from", dest="sender", required=True)
    reply.add_argument("--body", required=True)
    reply.set_defaults(run=_reply)

    press = commands.add_parser(
        "press", help="press keys on a call of the running stack, the newest where none is named"
    )
    press.add_argument("--call", default="")
    press.add_argument("--digits", required=True)
    press.set_defaults(run=_press)

    plain = commands.add_parser("tools", help="run a command that needs no more than the installed tools")
    plain.add_argument("command", nargs="+")
    plain.set_defaults(run=_tools)

    checks = commands.add_parser("checks", help="check what is deployed, as far as that goes without deploying")
    checks.add_argument("--calls", help="only compare the AWS calls in this file with the functions' roles")
    checks.set_defaults(run=_checks)

    deploy = commands.add_parser("deploy", help="deploy what was built, with the caller's AWS credentials")
    deploy.add_argument("environment", choices=["staging", "production"])
    deploy.add_argument("--at-once", action="store_true", help="without the canary, in an emergency")
    deploy.set_defaults(run=_deploy)

    reset = commands.add_parser("reset", help="delete the data that the stack keeps")
    reset.set_defaults(run=_reset)
    return parser


def _start(arguments: argparse.Namespace) -> int:
    functions.require_free_port(arguments.port)
    tools.require_cargo()
    try:
        with folders.persistent_state() as state, stack.services(state, arguments.port, persistent=True) as running:
            stack.fill(running)
            origin = stack.serve(running, concurrency=arguments.concurrency, reload=True)
            board = _BOARD.format(origin=origin) if origin else ""
            line(_READY.format(port=arguments.port, board=board))
            stack.watch(running)
    except signals.Terminated:
        line("Stopped.")
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    tools.require_cargo()
    if folders.is_running():
        with folders.temporary_state() as state, stack.children(state) as processes, step("Loading the demo data"):
            functions.run_example(processes, folders.running_environment(), "demo", *arguments.sizes)
    else:
        with (
            folders.persistent_state() as state,
            stack.services(state, folders.free_port(), persistent=True) as running,
        ):
            stack.fill(running, *arguments.sizes)
    return 0


def _exec(arguments: argparse.Namespace) -> int:
    port = folders.free_port()
    with folders.temporary_state() as state, stack.services(state, port, persistent=False) as running:
        if arguments.serve:
            tools.require_cargo()
            stack.fill(running)
            stack.serve(running, concurrency=2, reload=False)
        env = dict(running.env)
        if arguments.pooled:
            env["TEST_POOLER_URL"] = pooler.start(running.processes, state, running.server)
        return running.processes.run_foreground(arguments.command, env)


def _reply(arguments: argparse.Namespace) -> int:
    providers.reply(folders.running_environment(), arguments.sender, arguments.body)
    return 0


def _press(arguments: argparse.Namespace) -> int:
    providers.press(folders.running_environment(), arguments.call, arguments.digits)
    return 0


def _tools(arguments: argparse.Namespace) -> int:
    with folders.temporary_state() as state, stack.children(state) as processes:
        tools.install(processes)
        return processes.run_foreground(arguments.command, dict(os.environ) | {"PATH": tools.path()})


def _checks(arguments: argparse.Namespace) -> int:
    with folders.temporary_state() as state, stack.children(state) as processes:
        python = str(tools.install_separately(processes, "checks") / "python")
        env = dict(os.environ) | {"PATH": tools.path()}
        if arguments.calls:
            return processes.run_foreground([python, "local/checks/calls.py", arguments.calls], env)
        checkov = tools.install_separately(processes, "checkov") / "checkov"
        return processes.run_foreground([python, "local/checks", str(checkov)], env)


def _deploy(arguments: argparse.Namespace) -> int:
    with folders.temporary_state() as state, stack.children(state) as processes:
        python = tools.install_separately(processes, "sam") / "python"
        at_once = ["--at-once"] if arguments.at_once else []
        return processes.run_foreground(
            [str(python), "delivery/deploy.py", arguments.environment, *at_once], os.environ
        )


def _reset(arguments: argparse.Namespace) -> int:
    folders.reset()
    line("Deleted the local stack's data.")
    return 0
