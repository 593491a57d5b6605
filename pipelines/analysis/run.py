"""Bringing the published analysis up to date: the one function commands and loops call.

Belongs here: the quick answer when nothing changed, running the Dagster job in process, and telling plainly what
failed. Does not belong here: the steps of a build (`pipelines.analysis.build`) and deciding when (`loop`).
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

from sqlalchemy import Engine

from pipelines.analysis.build import AnalysisBuild, AnalysisError, NothingPublishedError, opened_build
from pipelines.analysis.inputs import AnalysisInputs
from pipelines.lake.analysis_catalog import AnalysisPointer
from pipelines.lake.clock import Clock
from pipelines.lake.paths import Home
from pipelines.own_thread import in_own_thread


class AnalysisFailed(Exception):  # noqa: N818 - it says what happened
    """The analysis could not be brought up to date; readers go on seeing the one before. The message says why."""


@dataclass(frozen=True)
class AnalysisResult:
    """The analysis readers see afterwards.

    Attributes:
        analysis_id: its name.
        build_id: the build of the marts it was made of.
        inputs: what it was made from.
        is_new: whether it was built now; False when nothing had changed.
        seconds: how long it took.
    """

    analysis_id: str
    build_id: str
    inputs: AnalysisInputs
    is_new: bool
    seconds: float


def analyse(home: Home, engine: Engine, clock: Clock) -> AnalysisResult | None:
    """Build the analysis of the published marts and publish it; with nothing changed, name the current one.

    Runs are recorded in the home's Dagster history. Waits for another analysis of the same home to end first. dbt runs
    one invocation at a time per process: never call it beside a refresh of the same process.

    Args:
        home: where everything lies.
        engine: the app database.
        clock: tells when it happens.

    Returns:
        What readers see now; None when there are no marts to analyse.

    Raises:
        AnalysisFailed: with the reason in one plain sentence; what was published before stays.
    """
    started = perf_counter()
    try:
        with opened_build(home, engine, clock) as build:
            known = build.already_published()
            pointer = known or in_own_thread(lambda: _materialise(build), "analysis")
            inputs = build.export()
    except NothingPublishedError:
        return None
    except AnalysisError as fault:
        raise AnalysisFailed(str(fault)) from fault
    except Exception as fault:
        # A database that is down, a full disk, a broken file: the first line says it, the cause says the rest.
        reason = next(iter(str(fault).splitlines()), "")
        raise AnalysisFailed(f"{type(fault).__name__}: {reason}") from fault
    return AnalysisResult(
        pointer.analysis_id, pointer.build_id, inputs, is_new=known is None, seconds=perf_counter() - started
    )


def _materialise(build: AnalysisBuild) -> AnalysisPointer:
    """Run the analysis job in this process, recorded like any other run."""
    # Imported late: Dagster takes seconds, and a look with nothing to do should not pay for it.
    from pipelines.assets.run import materialise_analysis  # noqa: PLC0415

    return materialise_analysis(build)
