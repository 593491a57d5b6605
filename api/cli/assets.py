"""`halton-cloud assets`: make what pages load, ahead of the first visitor.

Belongs here: the command. Does not belong here: how the script is made (`pipelines.charts.bundle`).
"""

from __future__ import annotations

import click

from api.cli.console import home_option, print_answer
from api.pages.chart_script import made_script
from pipelines.lake.paths import Home


@click.command("assets")
@home_option
def assets_command(home_folder: str | None) -> None:
    r"""Make the script that draws charts, which the server otherwise makes when the first browser asks for it.

    Prints {"charts", "bytes"}: the gzipped file and its size. There is nothing to do where it was made already.

    \b
    Example:
      halton-cloud assets --home /var/lib/halton
    """
    path = made_script(Home.locate(home_folder))
    print_answer({"charts": str(path), "bytes": path.stat().st_size})
