"""Lines that start with a dot, and a spinner while something is waited for.

Belongs here: how the cloud's commands speak: rich on a terminal, plain lines in a pipe. Does not belong here: what
they say.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

import click

from daemon.cli.plain_text import printable

if TYPE_CHECKING:
    from rich.status import Status


class Lines:
    """Writes to stdout, or to stderr when stdout is kept for JSON. Use as a context manager, which ends the spinner."""

    def __init__(self, *, as_json: bool) -> None:
        """With `as_json`, everything said goes to stderr."""
        self._err = as_json
        self._spinner: Status | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.rest()

    def say(self, text: str) -> None:
        """Print one line; whoever's text is in it cannot steer the terminal."""
        self.rest()
        click.echo(f"● {printable(text)}", err=self._err)

    def wait_for(self, text: str) -> None:
        """Say what is waited for, until the next line; on a terminal with a spinner that leaves nothing behind."""
        shown = printable(text)
        stream = sys.stderr if self._err else sys.stdout
        if not stream.isatty():
            click.echo(f"⠇ {shown}", err=self._err)
            return
        if self._spinner is not None:
            self._spinner.update(shown)
            return
        from rich.console import Console  # noqa: PLC0415 - keeps --help instant
        from rich.text import Text  # noqa: PLC0415

        self._spinner = Console(file=stream, highlight=False, markup=False).status(Text(shown), spinner="dots")
        self._spinner.start()

    def update(self, text: str) -> None:
        """Change what the spinner says; in a pipe nothing is printed."""
        if self._spinner is not None:
            self._spinner.update(printable(text))

    def rest(self) -> None:
        """End the spinner, if any."""
        if self._spinner is not None:
            self._spinner.stop()
            self._spinner = None

    def retrying(self, reason: str, seconds: float) -> None:
        """Say that a try failed and when the next one is."""
        self.say(f"{reason}: trying again in {max(round(seconds), 1)} s (Ctrl-C to stop)")
