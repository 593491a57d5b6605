"""The table of commands: what each is for in a line, under which topic it is shown, where it lives.

Belongs here: names, topics, one-line helps, the modules that hold them, and the group that reads them. Does not belong
here: commands, and anything slow to import: a command's module is imported when that command is used.
"""

from __future__ import annotations

import importlib
from typing import Final, NamedTuple

import click


class Entry(NamedTuple):
    """One command.

    Attributes:
        topic: heading it stands under in `--help`.
        target: `module:attribute` of the click command.
        summary: its short help.
    """

    topic: str
    target: str
    summary: str


_DAILY: Final = "Daily use"
_SETUP: Final = "Setup"
_CLOUD: Final = "Cloud"
_DATA: Final = "Data"
_TRIAL: Final = "Trying it out"

COMMANDS: Final[dict[str, Entry]] = {
    "start": Entry(_DAILY, "daemon.cli.service:start", "Start the daemon that meters calls."),
    "stop": Entry(_DAILY, "daemon.cli.service:stop", "Stop the daemon; calls go through without it."),
    "restart": Entry(_DAILY, "daemon.cli.service:restart", "Stop the daemon and start it again."),
    "status": Entry(_DAILY, "daemon.cli.service:status", "Show whether everything works."),
    "logs": Entry(_DAILY, "daemon.cli.service:logs", "Show what the daemon wrote down about itself."),
    "report": Entry(_DAILY, "daemon.cli.report:report", "Show what calls cost, by project, model or day."),
    "watch": Entry(_DAILY, "daemon.cli.watch:watch", "Follow today's spend live."),
    "run": Entry(_DAILY, "daemon.cli.run:run", "Run a program with its calls metered."),
    "env": Entry(_DAILY, "daemon.cli.environment:env", "Print the variables that lead a shell's calls here."),
    "init": Entry(_SETUP, "daemon.cli.init:init", "Prepare this machine; start the daemon at login."),
    "doctor": Entry(_SETUP, "daemon.cli.doctor:doctor", "Check the installation and say what to do."),
    "cloud": Entry(_CLOUD, "daemon.cli.cloud:cloud", "Pair with a workspace; choose and check what leaves."),
    "import": Entry(_DATA, "daemon.cli.imports:import_calls", "Read calls from other tools' logs and exports."),
    "bodies": Entry(_DATA, "daemon.cli.bodies:bodies", "Show or forget texts kept for chosen projects."),
    "simulate": Entry(_TRIAL, "daemon.cli.simulate:simulate", "Act as a laptop with a made-up or replayed history."),
    "simulate-bills": Entry(
        _TRIAL, "daemon.cli.simulate_bills:simulate_bills", "Write what providers would bill for such a history."
    ),
}


class CommandTable(click.Group):
    """A group that knows its commands by name and imports the one that is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order they are shown."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """Import the module of a command and return it; None when there is no such command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - the table names commands only, and a test holds it to that
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one may have been meant."""
        name = args[0]
        if name not in COMMANDS and not ctx.resilient_parsing and name[:1].isalpha():
            ctx.fail(_unknown(name))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """Show the commands by topic, without importing any."""
        longest = max(map(len, COMMANDS))
        for topic in dict.fromkeys(entry.topic for entry in COMMANDS.values()):
            with formatter.section(topic):
                lines = [(name.ljust(longest), one.summary) for name, one in COMMANDS.items() if one.topic == topic]
                formatter.write_dl(lines)


def _unknown(name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only when a name is wrong

    from daemon.cli.plain_text import printable  # noqa: PLC0415 - as above

    close = get_close_matches(name[:40], COMMANDS, n=1)
    meant = f" Did you mean '{close[0]}'?" if close else ""
    return f"No such command '{printable(name, longest=40)}'.{meant}"
