"""`halton-cloud compact`: merge small landed files and delete what is no longer needed, once.

Belongs here: the command. Does not belong here: compaction itself (`pipelines.compaction`).
"""

from __future__ import annotations

import click

from api.cli.console import home_option, print_answer
from api.cli.database import opened
from pipelines.compaction import compact
from pipelines.lake.clock import SystemClock
from pipelines.lake.paths import Home


@click.command("compact")
@home_option
def compact_command(home_folder: str | None) -> None:
    r"""Merge small landed files into large ones, and delete what nothing needs any more.

    `halton-cloud up` does this by itself. Only rows that are published are touched, a server may go on meanwhile, and
    what was acknowledged stays provable. Files that are damaged are named and left alone.

    Prints {"summary", "merges", "files_before", "files_after", "rows", "bytes_before", "bytes_after", "days_dropped",
    "deleted", "damaged"} and exits with 1 when a file is damaged.

    \b
    Example:
      halton-cloud compact --home /var/lib/halton
    """
    home = Home.locate(home_folder)
    with opened(home) as engine:
        result = compact(home, engine, SystemClock(), progress=lambda line: click.echo(line, err=True))
    print_answer({"summary": result.summary(), **result.figures()})
    if result.damaged:
        raise click.ClickException(f"{len(result.damaged)} files are damaged; the first: {result.damaged[0]}")
