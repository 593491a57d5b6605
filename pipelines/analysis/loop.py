"""The long-lived loop that keeps the analysis up to date.

Belongs here: noticing changes, pacing, and backing off after a failure. Does not belong here: an analysis itself
(`pipelines.analysis.run`), and the process (`pipelines.analysis.__main__`).
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from pipelines.analysis.exports import finance_digests, read_finance
from pipelines.analysis.inputs import differing, finance_trace
from pipelines.analysis.run import AnalysisFailed, AnalysisResult, analyse
from pipelines.lake.analysis_catalog import read_analysis_pointer
from pipelines.lake.catalog import read_pointer
from pipelines.lake.clock import Clock
from pipelines.lake.paths import Home

_log = logging.getLogger(__name__)

POLL_SECONDS: Final = 1.0
SPACING: Final = timedelta(minutes=5)
"""New rows wait so long since the last analysis began; bills, budgets and decisions do not wait."""
FIRST_BACK_OFF: Final = timedelta(seconds=10)
LONGEST_BACK_OFF: Final = timedelta(minutes=30)
IDLE_LOOK: Final = timedelta(hours=1)
"""A look without any change seen: a day begins somewhere, a damaged file heals."""


@dataclass(frozen=True)
class Marts:
    """What is published now.

    Attributes:
        build_id: of the marts; None when there are none.
        analysed: the build the published analysis was made of; None when there is no analysis.
    """

    build_id: str | None
    analysed: str | None


@dataclass
class Pace:
    """When the next analysis is due: some minutes after new rows, at once after a change of what is asked of them.

    Attributes:
        finance: digests of the exports the last analysis was made from.
        trace: of the app database, when they were last found to be the same.
        spaced_until: new rows wait until then.
        not_before: nothing happens before this instant, after a failure.
        idle_until: a look is due then even without a change.
        failures: analyses failed in a row.
    """

    finance: dict[str, str] | None = None
    trace: tuple[object, ...] | None = None
    spaced_until: datetime | None = None
    not_before: datetime | None = None
    idle_until: datetime | None = None
    failures: int = 0

    def is_due(self, marts: Marts, now: datetime, *, finance_changed: bool) -> bool:
        """Whether to analyse now."""
        if marts.build_id is None or (self.not_before is not None and now < self.not_before):
            return False
        if self.finance is None or marts.analysed is None or finance_changed:
            return True
        if self.idle_until is not None and now >= self.idle_until:
            return True
        return marts.analysed != marts.build_id and (self.spaced_until is None or now >= self.spaced_until)

    def succeeded(self, result: AnalysisResult, trace: tuple[object, ...], began: datetime, now: datetime) -> None:
        """Note an analysis that began at `began`, when the app database had this trace."""
        self.finance, self.trace, self.failures, self.not_before = result.inputs.finance, trace, 0, None
        if result.is_new:
            self.spaced_until = began + SPACING
        self.idle_until = now + IDLE_LOOK

    def failed(self, now: datetime) -> timedelta:
        """Note a failure.

        Returns:
            How long to wait, doubling up to half an hour.
        """
        wait = min(FIRST_BACK_OFF * 2 ** min(self.failures, 16), LONGEST_BACK_OFF)
        self.failures += 1
        self.not_before = now + wait
        return wait


def keep_analysed(home: Home, engine: Engine, clock: Clock, stop: threading.Event) -> None:
    """Analyse whenever something changed, until `stop` is set. A failure is logged and tried again later.

    Args:
        home: where everything lies.
        engine: the app database.
        clock: paces the loop.
        stop: ends it between two analyses.
    """
    pace = Pace()
    while not stop.is_set():
        _one_round(home, engine, clock, pace)
        stop.wait(POLL_SECONDS)


def _one_round(home: Home, engine: Engine, clock: Clock, pace: Pace) -> None:
    began = clock.now()
    try:
        trace = finance_trace(engine)
        if not pace.is_due(_marts(home), began, finance_changed=_finance_changed(engine, pace, trace)):
            return
        result = analyse(home, engine, clock)
    except (AnalysisFailed, SQLAlchemyError) as fault:
        wait = pace.failed(clock.now())
        _log.error("the analysis failed, next try in %d s: %s", wait.total_seconds(), fault)
    except Exception:  # noqa: BLE001 - the loop outlives any one analysis
        wait = pace.failed(clock.now())
        _log.exception("the analysis failed unexpectedly, next try in %d s", wait.total_seconds())
    else:
        if result is not None:
            pace.succeeded(result, trace, began, clock.now())
            if result.is_new:
                _log.info("%s: of %s in %.1f s", result.analysis_id, result.build_id, result.seconds)


def _finance_changed(engine: Engine, pace: Pace, trace: tuple[object, ...]) -> bool:
    """Whether what the last analysis took from the app database is different now; read only when it may be."""
    if pace.finance is None or trace == pace.trace:
        return False
    if differing(pace.finance, finance_digests(read_finance(engine))):
        return True
    pace.trace = trace
    return False


def _marts(home: Home) -> Marts:
    try:
        marts = read_pointer(home)
    except ValueError:
        marts = None
    try:
        analysis = read_analysis_pointer(home)
    except ValueError:
        analysis = None
    return Marts(marts.build_id if marts else None, analysis.build_id if analysis else None)
