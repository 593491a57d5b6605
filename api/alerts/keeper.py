"""The thread of a server that notices crossings and calls webhooks.

Belongs here: when to look, and at which workspaces. Does not belong here: what a crossing is (`crossings`), writing it
down (`raising`), calls (`delivering`).

Every worker process has one; whoever comes first writes an alert down, the others find it. A workspace is looked at
when there is a new build, a new analysis, a change of its own, or a new day: at any other time nothing can have been
crossed. The first look comes a little after the start, so that a server that is only tried out leaves no trace of it.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine

from api.alerts.delivering import Caller, forget_calls
from api.alerts.figures import Watched, crossings_of, watched_workspaces
from api.alerts.raising import Telling, raise_alerts
from api.dashboards.queries.marts import Marts
from api.dashboards.with_analysis import AnalysisRows, analysis_rows
from pipelines.lake.analysis_catalog import AnalysisReader
from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.clock import Clock

logger = logging.getLogger(__name__)
FIRST_LOOK_SECONDS: Final = 20.0
LOOK_EVERY_SECONDS: Final = 15.0
STOP_WITHIN_SECONDS: Final = 20.0
_FORGET_EVERY: Final = timedelta(hours=6)
Seen = tuple[str | None, str | None, int, str]
"""Build, analysis, version of the workspace, UTC day and hour: what was looked at."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where figures are read.

    Attributes:
        engine: the app database.
        snapshots: the published marts.
        analyses: the published analysis.
    """

    engine: Engine
    snapshots: SnapshotReader
    analyses: AnalysisReader


class AlertKeeper:
    """Notices and tells from a thread of its own, from `start` to `stop`."""

    def __init__(
        self,
        sources: Sources,
        telling: Telling,
        caller: Caller,
        clock: Clock,
        *,
        first_look_seconds: float = FIRST_LOOK_SECONDS,
        look_every_seconds: float = LOOK_EVERY_SECONDS,
    ) -> None:
        self._sources, self._telling, self._caller, self._clock = sources, telling, caller, clock
        self._pauses = first_look_seconds, look_every_seconds
        self._seen: dict[str, Seen] = {}
        self._forgot_at: datetime | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish what is being told, for at most 20 seconds, and end; doing it twice changes nothing."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(STOP_WITHIN_SECONDS)

    def look(self) -> int:
        """Notice whatever was crossed since the last look, and return how many alerts were raised."""
        snapshot = self._sources.snapshots.current()
        if snapshot is None:
            return 0
        raised = 0
        with snapshot, analysis_rows(self._sources.analyses) as analysed:
            marts = Marts(snapshot)
            watched = watched_workspaces(self._sources.engine)
            self._seen = {one.id: self._seen[one.id] for one in watched if one.id in self._seen}
            for workspace in watched:
                if self._stopping.is_set():
                    break
                try:
                    raised += self._look_at(workspace, marts, analysed)
                except Exception:  # one workspace's trouble is not the others'
                    logger.exception("alerts of workspace %s could not be looked after", workspace.id)
        return raised

    def _look_at(self, workspace: Watched, marts: Marts, analysed: AnalysisRows) -> int:
        now = self._clock.now()
        # By the hour: somewhere a month begins with every one of them.
        seen = marts.build_id, analysed.analysis_id, workspace.version, now.strftime("%Y-%m-%dT%H")
        if self._seen.get(workspace.id) == seen:
            return 0
        crossings = crossings_of(self._sources.engine, marts, analysed, workspace, now)
        raised = raise_alerts(self._telling, workspace, crossings, build_id=marts.build_id or "", at=now)
        self._seen[workspace.id] = seen
        return raised

    def _run(self) -> None:
        pause, every = self._pauses
        while not self._stopping.wait(pause):
            pause = every
            try:
                raised = self.look()
                self._caller.call_due(self._stopping.is_set)
                self._forget()
            except Exception:  # a keeper that dies would be noticed by nobody
                logger.exception("alerts could not be looked after; trying again")
            else:
                if raised:
                    logger.info("raised %d alerts", raised)

    def _forget(self) -> None:
        now = self._clock.now()
        if self._forgot_at is None or now - self._forgot_at >= _FORGET_EVERY:
            forget_calls(self._sources.engine, now)
            self._forgot_at = now
