"""`halton-meter watch`: today's spend as it goes on.

Belongs here: options, pace, the live screen and its end. Does not belong here: what is shown (`daemon.report.live`).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

import click

from daemon.cli.state import CliState, PlainFailure

if TYPE_CHECKING:
    from daemon.cli.terminal import Terminal
    from daemon.credentials import MeterHome
    from daemon.report.live import Moment

_EPILOG = """\b
Examples:
  halton-meter watch                    live, until Ctrl-C
  halton-meter watch --once             once, and done
  halton-meter watch --interval 60 >> spend.log
"""


@click.command(epilog=_EPILOG)
@click.option(
    "--interval",
    type=click.FloatRange(0.2, 3600),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="Pause between looks.",
)
@click.option("--once", is_flag=True, help="Show the present state and end.")
@click.pass_obj
def watch(state: CliState, interval: float, *, once: bool) -> None:
    """Show today's spend, the last hour's, projects and the last calls, as they come in.

    Today is this machine's own day. In a pipe, each look is one line. Ctrl-C ends it; nothing leaves this machine.
    """
    # Imported here, as in every command, so that --help stays instant.
    from daemon.cli.terminal import Terminal  # noqa: PLC0415

    terminal = Terminal()
    if once:
        from daemon.report.live import moment_lines  # noqa: PLC0415

        moment = _moment(state.home)
        height = terminal.console.height if terminal.console.is_terminal else 60
        terminal.print(moment_lines(moment, width=terminal.width, height=height - 1, blocks=terminal.blocks))
        return
    with suppress(KeyboardInterrupt), _terminated_as_interrupted():
        if terminal.console.is_terminal:
            _live(state.home, terminal, interval)
        else:
            _in_lines(state.home, interval)


def _live(home: MeterHome, terminal: Terminal, interval: float) -> None:
    """Redraw until interrupted, on a screen of its own; leave the last sums behind."""
    from rich.console import Group  # noqa: PLC0415 - keeps --help instant
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from daemon.report.live import moment_line, moment_lines  # noqa: PLC0415

    moment = _moment(home)  # what cannot be read at all is said before the screen is taken
    pause = threading.Event()
    try:
        with Live(console=terminal.console, screen=True, auto_refresh=False) as live:
            while True:
                size = terminal.console.size
                try:
                    moment = _moment(home)
                    shown = moment_lines(moment, width=size.width, height=size.height, blocks=terminal.blocks)
                except PlainFailure as failure:  # a busy disk may be free again at the next look
                    shown = [Text(failure.message, style="red"), Text("Trying again; Ctrl-C ends.")]
                live.update(Group(*shown), refresh=True)
                pause.wait(interval)
    finally:
        click.echo(moment_line(moment))


def _in_lines(home: MeterHome, interval: float) -> None:
    from daemon.report.live import moment_line  # noqa: PLC0415 - keeps --help instant

    pause = threading.Event()
    while True:
        click.echo(moment_line(_moment(home)))
        pause.wait(interval)


def _moment(home: MeterHome) -> Moment:
    from daemon.cli.reading import reading  # noqa: PLC0415 - keeps --help instant
    from daemon.clock import SystemClock  # noqa: PLC0415
    from daemon.report.live import read_moment  # noqa: PLC0415

    clock = SystemClock()
    # Opened anew at each look: the store may be made, moved away or replaced meanwhile.
    with reading(home, clock) as connection:
        return read_moment(connection, clock.now())


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM end the live screen as Ctrl-C does, so that the terminal gets its own screen back."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
