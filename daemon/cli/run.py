"""`halton-meter run -- CMD`: one program with its calls metered, whatever happens to the daemon.

Belongs here: the program's environment, its signals, its exit code. Does not belong here: the forwarder in between
(`daemon.service.stand_in`).
"""

from __future__ import annotations

import os
import shutil
import sys

import click

from daemon.cli.state import CliState, PlainFailure, plain_failures

_EPILOG = """\b
Examples:
  halton-meter run -- python agent.py
  halton-meter run --project acme-api -- claude
"""


@click.command(epilog=_EPILOG, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--gateway", is_flag=True, help="Base URLs of SDKs in place of a proxy: needs no trust in an authority.")
@click.option("--project", help="Slug that the program's calls belong to.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def run(state: CliState, command: tuple[str, ...], project: str | None, *, gateway: bool) -> None:
    """Run a program with its calls metered. They get through even when the daemon dies meanwhile."""
    with plain_failures():
        from daemon.attribution.finding import PROJECT_VARIABLE  # noqa: PLC0415 - keeps --help instant
        from daemon.cli.environment import wanted_variables  # noqa: PLC0415
        from daemon.config import Config, load_config  # noqa: PLC0415
        from daemon.credentials import UnreadableStateError  # noqa: PLC0415
        from daemon.service.exports import with_variables  # noqa: PLC0415
        from daemon.service.runner import Forwarder, run_program  # noqa: PLC0415
        from daemon.service.running import find_running  # noqa: PLC0415

        if shutil.which(command[0]) is None:
            raise PlainFailure(f"There is no program {command[0]!r}.")
        if project is not None and os.environ.get(PROJECT_VARIABLE) != project:
            # Where a call is over before its program was found, the daemon reads the project from this process, as it
            # was when it started.
            os.execve(sys.executable, sys.orig_argv, {**os.environ, PROJECT_VARIABLE: project})  # noqa: S606 - ourselves
        environment = dict(os.environ)
        wanted = wanted_variables(state, gateway=gateway, quiet=False)
        running = find_running(state.home)
        if not wanted or running is None or running.capture_port is None:
            raise SystemExit(run_program(command, environment))
        try:
            config = load_config(state.home)
        except UnreadableStateError:
            config = Config()  # the daemon that runs has read it when it still could be
        with Forwarder(config, running.capture_port) as port:
            variables = wanted_variables(state, gateway=gateway, quiet=True, port=port)
            code = run_program(command, with_variables(environment, variables) if variables else environment)
    raise SystemExit(code)
