"""`halton-meter start | stop | restart | status | logs`.

Belongs here: options and exit codes. Does not belong here: the processes (`daemon.service.launch`), texts
(`daemon.cli.service_screen`).
"""

from __future__ import annotations

import click

from daemon.cli.state import CliState, PlainFailure, plain_failures


@click.command(epilog="\b\nExample:\n  halton-meter start")
@click.option("--foreground", is_flag=True, help="Stay in this terminal and show the log; for systemd and launchd.")
@click.pass_obj
def start(state: CliState, *, foreground: bool) -> None:
    """Start the daemon that meters calls; does nothing when it runs."""
    with plain_failures():
        from daemon.config import load_config  # noqa: PLC0415 - keeps --help instant

        load_config(state.home)
        if foreground:
            from daemon.service.keeper_process import run_keeper  # noqa: PLC0415 - keeps --help instant

            raise SystemExit(run_keeper(state.home, ready=None, foreground=True))
        _start(state)


@click.command(epilog="\b\nExample:\n  halton-meter stop --all")
@click.option("--all", "everything", is_flag=True, help="Free the port too: programs that use it will be refused.")
@click.pass_obj
def stop(state: CliState, *, everything: bool) -> None:
    """Stop metering. The port stays open and passes calls on, unrecorded, for programs that still use it."""
    with plain_failures():
        from daemon.cli.service_screen import show_stopped  # noqa: PLC0415 - keeps --help instant
        from daemon.service.launch import LaunchError, capture_port  # noqa: PLC0415
        from daemon.service.launch import stop as end  # noqa: PLC0415

        try:
            was_there = end(state.home, keep_passing=not everything)
        except LaunchError as error:
            raise PlainFailure(str(error)) from error
        show_stopped(was_there=was_there, port=capture_port(state.home))


@click.command(epilog="\b\nExample:\n  halton-meter restart")
@click.pass_obj
def restart(state: CliState) -> None:
    """Stop the daemon and start it again, having checked config.toml first."""
    with plain_failures():
        from daemon.config import load_config  # noqa: PLC0415 - keeps --help instant
        from daemon.service.launch import LaunchError  # noqa: PLC0415
        from daemon.service.launch import stop as end  # noqa: PLC0415

        load_config(state.home)
        try:
            end(state.home, keep_passing=False)
        except LaunchError as error:
            raise PlainFailure(str(error)) from error
        _start(state)


@click.command(epilog="\b\nExample:\n  halton-meter status --json")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.pass_obj
def status(state: CliState, *, as_json: bool) -> None:
    """Show whether everything works. Exit code 0 while the daemon runs, else 1."""
    with plain_failures():
        from daemon.cli.service_screen import gather, show, show_json  # noqa: PLC0415 - keeps --help instant

        now = gather(state.home)
        (show_json if as_json else show)(now)
    raise SystemExit(0 if now.runs else 1)


@click.command(epilog="\b\nExample:\n  halton-meter logs -n 100 --follow")
@click.option(
    "-n", "--lines", type=click.IntRange(0, 100_000), default=30, show_default=True, help="How many of the last."
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on, until Ctrl-C.")
@click.pass_obj
def logs(state: CliState, lines: int, *, follow: bool) -> None:
    """Show what the daemon wrote down about itself."""
    with plain_failures():
        from daemon.cli.plain_text import printable  # noqa: PLC0415 - keeps --help instant
        from daemon.service.log_lines import following, last_lines  # noqa: PLC0415

        path = state.home.log_path
        if not path.exists() and not follow:
            click.echo("There is no log yet: the daemon has never run. `halton-meter start` starts it.", err=True)
            return
        for line in last_lines(path, lines):
            click.echo(printable(line))
        if not follow:
            return
        try:
            for line in following(path):
                click.echo(printable(line))
        except KeyboardInterrupt:
            return


def _start(state: CliState) -> None:
    from daemon.cli.service_screen import gather, show_started  # noqa: PLC0415 - keeps --help instant
    from daemon.service.launch import LaunchError  # noqa: PLC0415
    from daemon.service.launch import start as begin  # noqa: PLC0415

    try:
        _, already = begin(state.home)
    except LaunchError as error:
        raise PlainFailure(str(error)) from error
    show_started(gather(state.home), already=already)
