"""`halton-cloud refresh`: build and publish once.

Belongs here: the command. Does not belong here: the build (`pipelines.refresh`).
"""

from __future__ import annotations

import click

from api.cli.console import home_option, print_answer
from api.cli.database import opened
from pipelines.lake.clock import SystemClock
from pipelines.lake.paths import Home
from pipelines.refresh import refresh
from pipelines.row_file_upkeep import complete_row_files


@click.command("refresh")
@click.option("--full", is_flag=True, help="Rebuild everything from the landed files.")
@home_option
def refresh_command(*, home_folder: str | None, full: bool) -> None:
    r"""Build what has landed since the last build, and publish it when all tests pass.

    Prints {"build_id", "rows_new", "rows_total", "seconds"}.

    \b
    Examples:
      halton-cloud refresh
      halton-cloud refresh --full
    """
    home = Home.locate(home_folder)
    with opened(home, create=True) as engine:
        outcome = refresh(home, engine, SystemClock(), full=full)
    complete_row_files(home, SystemClock())
    print_answer(
        {
            "build_id": outcome.build_id,
            "rows_new": outcome.rows_new,
            "rows_total": outcome.rows_total,
            "seconds": round(outcome.seconds, 3),
        }
    )
