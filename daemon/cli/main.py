"""`halton-meter`: the laptop's command line.

Belongs here: the top of the command tree, nothing that takes time to import. Does not belong here: which commands there
are (`overview`), what they do (a module each).
"""

from __future__ import annotations

from pathlib import Path

import click

from daemon.cli.overview import CommandTable
from daemon.cli.state import CliState

_EPILOG = """\b
Examples:
  halton-meter init                  prepare this machine, once
  halton-meter run -- claude         run a program with its calls metered
  halton-meter report --since 7d     what it cost, by project
  halton-meter cloud connect         share with a workspace; asks before anything leaves
"""


@click.group(cls=CommandTable, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="HALTON_METER_HOME",
    show_envvar=True,
    help="Folder of this machine's calls, settings and credentials. [default: ~/.halton-meter]",
)
@click.version_option(package_name="halton-meter-cloud", prog_name="halton-meter")
@click.pass_context
def main(context: click.Context, home: Path | None) -> None:
    """Meter this machine's LLM calls, and share them with a Halton Meter Cloud if you want to."""
    context.obj = CliState(named_home=home)


if __name__ == "__main__":
    main()
