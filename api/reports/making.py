"""Making the reports that were asked for, one after the other. `python -m api.reports.making`.

Belongs here: the order of steps, progress, and what is written down at the end. Does not belong here: what a report
says (`figures`), how it looks (`composing`), noticing that one is due (`api.background`).

Killed anywhere, a report is begun again from the start, with a new instant of issue: nobody could see it before.
"""

from __future__ import annotations

import argparse
import fcntl
import logging
import logging.config
import os
import sys
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, select

from api.audit import SYSTEM, AuditEvent, Detail, Resource, record_event
from api.db.models import IssuedReport, Workspace
from api.db.session import lock_workspace, reading, transaction
from api.errors import Refused
from api.logs import log_settings
from api.reports.children import ChildError
from api.reports.composing import Composed, compose
from api.reports.figures.gathering import ReportError, gather
from api.reports.issuing import UNFINISHED, ReportState, report_file
from api.reports.renderer import NO_LIBRARY
from api.reports.signing import ReportSigner
from pipelines.durable_files import move_durably
from pipelines.lake.clock import Clock, SystemClock, to_micros
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home

_log = logging.getLogger(__name__)
STEPS: Final = 100
_GATHERED, _LISTED, _COMPOSED = 20, 50, 95
_FAILED: Final = "The report could not be made; the server's log says why. Ask for a new one."
_NO_LIBRARY: Final = "This server cannot draw PDFs: install Pango (Debian: libpangoft2-1.0-0, libharfbuzz-subset0)."
_TOO_MUCH: Final = "The report could not be made within its limits of time and memory."


class BusyError(Exception):
    """Another process makes reports in this home just now."""


class _GoneError(Exception):
    """The report is not wanted any more: its workspace is gone."""


@contextmanager
def reports_turn(home: Home) -> Generator[None]:
    """Hold the home's lock of reports.

    Raises:
        BusyError: another process holds it.
    """
    descriptor = os.open(home.reports_lock, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError("Another process is making reports here.") from None
        yield
    finally:
        os.close(descriptor)


def make_reports(home: Home, engine: Engine, clock: Clock) -> int:
    """Make every report that was asked for. Call it while holding `reports_turn`.

    Workspaces take turns, each with its oldest: one that asks for many keeps nobody waiting behind all of them.

    Returns:
        How many are ready now.
    """
    begun, served, ready = set[str](), Counter[str](), 0
    while True:
        with reading(engine) as session:
            query = select(IssuedReport.id, IssuedReport.workspace_id).where(IssuedReport.state.in_(UNFINISHED))
            found = session.execute(query.order_by(IssuedReport.requested_at_us, IssuedReport.id)).all()
        waiting = [(report_id, workspace_id) for report_id, workspace_id in found if report_id not in begun]
        if not waiting:
            return ready
        report_id, workspace_id = min(waiting, key=lambda one: served[one[1]])
        begun.add(report_id)
        served[workspace_id] += 1
        ready += make_report(home, engine, clock, report_id)


def make_report(home: Home, engine: Engine, clock: Clock, report_id: str) -> bool:
    """Make one report.

    Returns:
        Whether it is ready; what went wrong is in the log, and for people in its row.
    """
    with reading(engine) as session:
        report = session.get(IssuedReport, report_id)
    if report is None or report.state not in UNFINISHED:
        return False
    try:
        _make(home, engine, clock, report)
    except _GoneError as fault:
        _log.info("report %s is not made: %s", report_id, fault)
    except ReportError as fault:
        _fail(engine, report, str(fault), clock.now())
    except Refused as refused:
        _fail(engine, report, refused.message, clock.now())
    except ChildError as fault:
        _log.warning("report %s was not rendered: %s", report_id, fault)
        _fail(engine, report, _NO_LIBRARY if fault.code == NO_LIBRARY else _TOO_MUCH, clock.now())
    except Exception:  # noqa: BLE001 - whatever it is, people must see that it failed
        _log.exception("report %s failed", report_id)
        _fail(engine, report, _FAILED, clock.now())
    else:
        return True
    return False


def _make(home: Home, engine: Engine, clock: Clock, report: IssuedReport) -> None:
    signer = ReportSigner.of(home, clock)
    _progress(engine, report, 0)
    at = clock.now()

    def listed(done: int, of: int) -> None:
        _progress(engine, report, _GATHERED + (_LISTED - _GATHERED) * done // max(of, 1))

    gathered = gather(home, engine, report, at, listed)
    _progress(engine, report, _LISTED)
    composed = compose(gathered, signer)
    _progress(engine, report, _COMPOSED)
    path = report_file(home, report.workspace_id, report.id)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    try:
        _write(unfinished, composed.pdf)
        move_durably(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    _settle(engine, report, composed, signer, path, at, gathered.document["build_id"])


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _progress(engine: Engine, report: IssuedReport, done: int) -> None:
    with transaction(engine) as session:
        row = session.get(IssuedReport, report.id, with_for_update=True)
        if row is None or session.get(Workspace, report.workspace_id) is None:
            raise _GoneError("its workspace is gone")
        row.state, row.done_steps, row.total_steps = ReportState.RUNNING.value, done, STEPS


def _settle(
    engine: Engine, report: IssuedReport, made: Composed, signer: ReportSigner, path: Path, at: datetime, build_id: str
) -> None:
    digest = sha256(made.pdf).hexdigest()
    with transaction(engine) as session:
        try:
            lock_workspace(session, report.workspace_id)
        except Refused:
            path.unlink(missing_ok=True)
            raise _GoneError("its workspace is gone") from None
        row = session.get_one(IssuedReport, report.id, populate_existing=True)
        row.state, row.done_steps = ReportState.READY.value, STEPS
        row.issued_at_us, row.build_id = to_micros(at), build_id
        row.document, row.document_sha256 = made.document, made.document_sha256
        row.certificate_sha256 = signer.sha256
        row.sha256, row.byte_count, row.page_count = digest, len(made.pdf), made.pages
        details: dict[str, Detail] = {"number": row.number, "sha256": digest, "build_id": build_id, "pages": made.pages}
        resource = Resource("report", row.id)
        event = AuditEvent.REPORT_ISSUED
        record_event(session, row.workspace_id, actor=SYSTEM, event=event, resource=resource, details=details, at=at)


def _fail(engine: Engine, report: IssuedReport, reason: str, at: datetime) -> None:
    with transaction(engine) as session:
        try:
            lock_workspace(session, report.workspace_id)
        except Refused:
            return
        row = session.get(IssuedReport, report.id, populate_existing=True)
        if row is None or row.state not in UNFINISHED:
            return
        row.state, row.failure = ReportState.FAILED.value, reason
        details: dict[str, Detail] = {"number": row.number, "reason": reason}
        resource, event = Resource("report", row.id), AuditEvent.REPORT_FAILED
        record_event(session, row.workspace_id, actor=SYSTEM, event=event, resource=resource, details=details, at=at)


def main(arguments: list[str] | None = None) -> int:
    """Make what is due once.

    Returns:
        The exit code: 0 when nothing waits any more, or another process is at it.
    """
    parser = argparse.ArgumentParser(prog="python -m api.reports.making", description="Make reports.")
    parser.add_argument("--home", type=Path, default=None, help="home folder; default $HALTON_HOME or ./.halton")
    home = Home.locate(parser.parse_args(arguments).home)
    logging.config.dictConfig(log_settings())
    engine = open_database(home.database_url, pool_size=2)
    try:
        with reports_turn(home):
            make_reports(home, engine, SystemClock())
    except BusyError as busy:
        _log.info("%s", busy)
    except Exception:  # noqa: BLE001 - the log is all there is to tell it to
        _log.exception("making reports stopped and will be tried again")
        return 1
    finally:
        engine.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
