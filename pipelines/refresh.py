"""Bringing the published marts up to date: the one function commands and loops call.

Belongs here: locking, the quick answer when nothing changed, running the Dagster job in process, and telling plainly
what failed. Does not belong here: the steps of a build (`pipelines.build`) and deciding when to refresh
(`pipelines.refresher`).
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

from sqlalchemy import Engine

from pipelines.build import Build, BuildError
from pipelines.dbt_runner import DbtParseError, warm_dbt
from pipelines.lake.clock import Clock
from pipelines.lake.paths import Home
from pipelines.own_thread import in_own_thread
from pipelines.publish import Published, PublishError
from pipelines.refresh_lock import refresh_lock
from pipelines.row_file_upkeep import write_small_row_files


class RefreshFailed(Exception):  # noqa: N818 - it says what happened
    """The marts could not be brought up to date; readers go on seeing the build before. The message says why."""


@dataclass(frozen=True)
class RefreshResult:
    """The build readers see after a refresh.

    Attributes:
        build_id: its name.
        rows_new: requests that were not in the build before.
        rows_total: requests in it.
        seconds: how long the refresh took.
    """

    build_id: str
    rows_new: int
    rows_total: int
    seconds: float


def refresh(home: Home, engine: Engine, clock: Clock, full: bool = False) -> RefreshResult:  # noqa: FBT001 - as the commands call it
    """Build what changed and publish it; with nothing changed, name the current build.

    Runs are recorded in the home's Dagster history. Waits for another refresh of the same home to end first.

    Args:
        home: where everything lies.
        engine: the app database.
        clock: tells when the build happens.
        full: build everything anew from the landed files.

    Returns:
        What readers see now.

    Raises:
        RefreshFailed: with the reason in one plain sentence; what was published before stays.
    """
    started = perf_counter()
    with refresh_lock(home):
        build = Build(home, engine, clock, warm_dbt(home), full=full)
        try:
            published = build.already_published() or in_own_thread(lambda: _materialise(build), "refresh")
        except (BuildError, PublishError, DbtParseError) as fault:
            raise RefreshFailed(str(fault)) from fault
        except Exception as fault:
            # A database that is down, a full disk, a broken file: the first line says it, the cause says the rest.
            reason = next(iter(str(fault).splitlines()), "")
            raise RefreshFailed(f"{type(fault).__name__}: {reason}") from fault
        write_small_row_files(home)
    seconds = perf_counter() - started
    return RefreshResult(published.build_id, published.rows_new, published.rows_total, seconds)


def _materialise(build: Build) -> Published:
    """Run the refresh job in this process, recorded like any other run."""
    # Imported late: Dagster takes seconds, and a refresh with nothing to do should not pay for it.
    from pipelines.assets.run import materialise  # noqa: PLC0415

    return materialise(build)
