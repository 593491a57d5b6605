"""`halton-cloud refresh`: build and publish once.

Belongs here: the command. Does not belong here: the build (`pipelines.refresh`).
"""

from __future__ import annotations

from typing import Any

import click

from api.cli.analysis import analyse_once
from api.cli.console import home_option, print_answer
from api.cli.database import opened
from pipelines.lake.clock import SystemClock
from pipelines.lake.paths import Home
from pipelines.refresh import refresh
from pipelines.row_file_upkeep import complete_row_files


@click.command("refresh")
@click.option("--full", is_flag=True, help="Rebuild everything from the landed files.")
@click.option("--analysis", is_flag=True, help="Build the analysis of the marts too; `up` does so by itself.")
@home_option
def refresh_command(*, home_folder: str | None, full: bool, analysis: bool) -> None:
    r"""Build what has landed since the last build, and publish it when all tests pass.

    Prints {"build_id", "rows_new", "rows_total", "seconds"}, with --analysis also "analysis_id" and
    "analysis_seconds".

    \b
    Examples:
      halton-cloud refresh
      halton-cloud refresh --full
      halton-cloud refresh --analysis
    """
    home = Home.locate(home_folder)
    with opened(home, create=True) as engine:
        outcome = refresh(home, engine, SystemClock(), full=full)
    complete_row_files(home, SystemClock())
    answer: dict[str, Any] = {
        "build_id": outcome.build_id,
        "rows_new": outcome.rows_new,
        "rows_total": outcome.rows_total,
        "seconds": round(outcome.seconds, 3),
    }
    if analysis and (analysed := analyse_once(home)) is not None:
        answer |= {"analysis_id": analysed["analysis_id"], "analysis_seconds": analysed["seconds"]}
    print_answer(answer)
