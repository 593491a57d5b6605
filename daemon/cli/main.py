"""`halton-meter`: the laptop's command line.

Belongs here: the top of the command tree, nothing that takes time to import. Does not belong here: what commands do
(`cloud`, `simulate` and the modules they import when they run).
"""

from __future__ import annotations

from pathlib import Path

import click

from daemon.cli.cloud import cloud
from daemon.cli.simulate import simulate
from daemon.cli.simulate_bills import simulate_bills
from daemon.cli.state import CliState

_EPILOG = """\b
Examples:
  halton-meter cloud connect --base-url https://meter.example.com
  halton-meter cloud whoami
  halton-meter simulate --base-url http://127.0.0.1:8000 --rows 2000 --days 30
"""


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="HALTON_METER_HOME",
    show_envvar=True,
    help="Folder of this machine's credentials and identity. [default: ~/.halton-meter]",
)
@click.version_option(package_name="halton-meter-cloud", prog_name="halton-meter")
@click.pass_context
def main(context: click.Context, home: Path | None) -> None:
    """Meter this machine's LLM calls and share them with a Halton Meter Cloud."""
    context.obj = CliState(named_home=home)


main.add_command(cloud)
main.add_command(simulate)
main.add_command(simulate_bills)

if __name__ == "__main__":
    main()
