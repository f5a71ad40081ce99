"""What the tool can be asked to do."""

from __future__ import annotations

import argparse
import signal
from types import FrameType

import emulator
import environment
import folders
import postgres
import tools
from processes import Processes
from say import Trouble, line, warn


_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Asked(BaseException):
    """A signal asked this tool to end."""

    def __init__(self, number: int) -> None:
        self.number = number


def _end(number: int, frame: FrameType | None) -> None:
    # From here on everything is being stopped: a second Ctrl-C must not leave half of it.
    for each in _ENDINGS:
        signal.signal(each, signal.SIG_IGN)
    raise Asked(number)


def main() -> int:
    arguments = _parser().parse_args()
    for each in _ENDINGS:
        signal.signal(each, _end)
    try:
        code: int = arguments.run(arguments)
        return code
    except Trouble as trouble:
        warn(str(trouble))
        return 1
    except Asked as asked:
        return 128 + asked.number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 local/stack", description=__doc__)
    commands = parser.add_subparsers(required=True)

    run = commands.add_parser("exec", help="start PostgreSQL and the AWS emulator, run a command, stop them")
    run.add_argument("command", nargs="+")
    run.set_defaults(run=_exec)

    reset = commands.add_parser("reset", help="remove what the stack keeps")
    reset.set_defaults(run=_reset)
    return parser


def _exec(arguments: argparse.Namespace) -> int:
    with folders.passing_state() as state:
        processes = Processes(state.folder)
        try:
            tools.install(processes)
            server = postgres.start(processes, state, lasting=False)
            aws = emulator.start(processes, state)
            env = environment.variables(state, admin_url=server.admin_url, aws=aws, port=folders.free_port())
            return processes.in_front(arguments.command, env)
        finally:
            processes.stop_all()


def _reset(arguments: argparse.Namespace) -> int:
    folders.reset()
    line("Removed the local stack's data.")
    return 0
