"""The daily exports: which are due, one after the other, and what became of them.

Belongs here: when, pacing after a failure, and outliving whatever fails. Does not belong here: one export (`run`), the
process (`pipelines.analysis.__main__`, in a thread of which this runs).

Beside the analysis, because that process gives way to everything else: a refresh never waits for a bucket.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from pipelines.exports.run import Exported, export_workspace, exports_lock, manifest_bytes, manifest_path
from pipelines.exports.settings import (
    ExportError,
    ExportRun,
    ExportState,
    ScheduledExport,
    all_settings,
    read_state,
    save_state,
)
from pipelines.lake.clock import Clock, iso_utc
from pipelines.lake.paths import Home

_log = logging.getLogger(__name__)

HOUR_OF_DAY: Final = 6
"""In UTC: from then on the day's export is due; providers' bills of yesterday are read by then."""
RETRY_AFTER: Final = timedelta(hours=1)
LOOK_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Outcome:
    """What became of one workspace's export.

    Attributes:
        settings: of the workspace.
        exported: what it did; None when it failed.
        error: why; None when it did not.
    """

    settings: ScheduledExport
    exported: Exported | None
    error: str | None = None


def is_due(state: ExportState, now: datetime) -> bool:
    """Whether a workspace's export is due: once a day from the hour on, and an hour after one that failed."""
    hour = now.replace(hour=HOUR_OF_DAY, minute=0, second=0, microsecond=0)
    since = hour if now >= hour else hour - timedelta(days=1)
    if state.last_success_at is not None and datetime.fromisoformat(state.last_success_at) >= since:
        return False
    if state.error is None or state.last_attempt_at is None:
        return True
    return now >= datetime.fromisoformat(state.last_attempt_at) + RETRY_AFTER


def export_all(
    home: Home,
    engine: Engine,
    clock: Clock,
    *,
    workspace_id: str | None = None,
    only_due: bool = False,
    stop: threading.Event | None = None,
) -> list[Outcome]:
    """Export what is wanted; one that fails stops no other.

    Args:
        home: the installation.
        engine: its app database.
        clock: tells what is due, and when it happened.
        workspace_id: of this workspace only.
        only_due: leave out what was exported today.
        stop: ends it between two exports.

    Raises:
        ExportError: another process exports from this home just now.
    """
    wanted: Sequence[ScheduledExport] = [
        one
        for one in all_settings(home)
        if workspace_id in (None, one.workspace_id)
        and (not only_due or is_due(read_state(home, one.workspace_id), clock.now()))
    ]
    if not wanted:
        return []
    outcomes: list[Outcome] = []
    with exports_lock(home, wait=False):
        for settings in wanted:
            if stop is not None and stop.is_set():
                break
            outcomes.append(_one(home, engine, clock, settings))
    return outcomes


def keep_exported(home: Home, engine: Engine, clock: Clock, stop: threading.Event) -> None:
    """Export whatever is due, until `stop` is set.

    Args:
        home: the installation.
        engine: its app database.
        clock: tells what is due.
        stop: ends it between two exports.
    """
    while not stop.is_set():
        try:
            for outcome in export_all(home, engine, clock, only_due=True, stop=stop):
                _tell(outcome)
        except (ExportError, SQLAlchemyError, OSError) as fault:
            _log.warning("scheduled exports: %s", next(iter(str(fault).splitlines()), type(fault).__name__))
        except Exception:  # noqa: BLE001 - the loop outlives any one look
            _log.exception("scheduled exports failed unexpectedly")
        stop.wait(LOOK_SECONDS)


def _one(home: Home, engine: Engine, clock: Clock, settings: ScheduledExport) -> Outcome:
    state = read_state(home, settings.workspace_id)
    began = iso_utc(clock.now())
    try:
        exported = export_workspace(home, engine, settings)
    except ExportError as fault:
        outcome = Outcome(settings, None, str(fault))
        run = ExportRun(began_at=began, ended_at=iso_utc(clock.now()), error=str(fault))
    else:
        outcome, done = Outcome(settings, exported), exported.manifest
        run = ExportRun(
            began_at=began,
            ended_at=iso_utc(clock.now()),
            export_id=done.export_id,
            manifest=manifest_path(done),
            manifest_sha256=hashlib.sha256(manifest_bytes(done)).hexdigest(),
            is_new=exported.is_new,
            files=len(done.files),
            files_written=exported.files_written,
            bytes_written=exported.bytes_written,
            rows=done.rows,
        )
    # Settings that were removed meanwhile, as a purge does, leave nothing behind.
    if (home.scheduled_exports / settings.workspace_id).is_dir():
        save_state(home, settings.workspace_id, state.after(run))
    return outcome


def _tell(outcome: Outcome) -> None:
    who = outcome.settings.workspace_id
    if outcome.exported is None:
        minutes = RETRY_AFTER.total_seconds() / 60
        _log.warning("the export of %s failed, next try in %d min: %s", who, minutes, outcome.error)
    elif outcome.exported.is_new:
        done = outcome.exported
        _log.info("%s exported as %s: %d files written", who, done.manifest.export_id, done.files_written)
