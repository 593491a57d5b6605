"""A purge, step by step: what is removed in which order, and going on after a kill.

Belongs here: the steps, the row that says which are done, and which workspaces are due. Does not belong here: what a
step does (the modules beside this one, `pipelines.purge`).

    begin      a `purges` row; from now on nothing can be undone and no export begun
    mail       e-mails owed are not sent, those in the mail folder go
    files      exports, reports, what a demo made
    rows       ONE transaction: every row of the workspace, people who belong nowhere else; nobody is let in any more
    landing    landed files, whatever grace they had
    marts      a build without it; earlier snapshots, segments, row files at once, whoever reads them
    traces     run history, dbt's logs
    leftovers  landing and files again: an upload or an export may have been under way
    forget     the `purges` row forgets the id
    space      the database's files are written anew

Each step can be done again. One is written down as done after it was done, `rows` with itself: killed anywhere, the
purge goes on at the step it was at. The ledger lets go of files before their bytes go, so a build in between knows
either all of the workspace or nothing.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from api.db.models import Purge, Workspace
from api.db.session import lock_workspace, reading, transaction
from api.purge.mail import delete_mail_files, stop_mail
from api.purge.rows import delete_rows, give_space_back
from api.workspaces.deletion import GRACE, due_for_purge
from pipelines.lake.clock import Clock, to_micros
from pipelines.lake.paths import Home
from pipelines.purge.analysis import delete_analyses
from pipelines.purge.landing import delete_folder, delete_landed
from pipelines.purge.marts import delete_superseded, publish_without
from pipelines.purge.traces import forget_runs

_log = logging.getLogger(__name__)

Watch = Callable[[str], None]
"""Told before and after every step; tests kill in it."""


@dataclass(frozen=True)
class PurgeResult:
    """What a purge did.

    Attributes:
        workspace_id: the workspace that is gone.
        steps: steps done in this run, in order.
    """

    workspace_id: str
    steps: tuple[str, ...]


@dataclass
class _Purging:
    home: Home
    engine: Engine
    clock: Clock
    workspace_id: str

    def mail(self) -> None:
        with self.engine.begin() as connection:
            stop_mail(connection, self.workspace_id)
        with self.engine.connect().execution_options(read_only=True) as connection:
            delete_mail_files(connection, self.home, self.workspace_id)

    def files(self) -> None:
        with reading(self.engine) as session:
            slug = session.scalars(select(Workspace.slug).where(Workspace.id == self.workspace_id)).one_or_none()
        if slug is not None:
            delete_folder(self.home.root / "demo-laptops" / slug)
        self._delete_made()

    def rows(self) -> None:
        with self.engine.begin() as connection:
            delete_rows(connection, self.workspace_id)
            # With the rows themselves: whether they are gone is then never in doubt.
            done = update(Purge).where(Purge.workspace_id == self.workspace_id).values(done_step="rows")
            connection.execute(done)

    def landing(self) -> None:
        delete_landed(self.home, self.workspace_id)

    def marts(self) -> None:
        publish_without(self.home, self.engine, self.clock, self.workspace_id)
        delete_superseded(self.home, self.clock)
        delete_analyses(self.home, self.workspace_id)

    def traces(self) -> None:
        forget_runs(self.home)

    def leftovers(self) -> None:
        self._delete_made()
        delete_landed(self.home, self.workspace_id)

    def forget(self) -> None:
        forgotten = forgotten_id(self.workspace_id)
        with transaction(self.engine) as session:
            row = session.get_one(Purge, self.workspace_id)
            session.delete(row)
            session.flush()
            session.add(Purge(workspace_id=forgotten, started_at_us=row.started_at_us, done_step="forget"))
        self.workspace_id = forgotten

    def space(self) -> None:
        give_space_back(self.engine)

    def _delete_made(self) -> None:
        for folder in (self.home.workspace_exports, self.home.reports, self.home.scheduled_exports):
            delete_folder(folder / self.workspace_id)


STEPS: Final[tuple[tuple[str, Callable[[_Purging], None]], ...]] = (
    ("mail", _Purging.mail),
    ("files", _Purging.files),
    ("rows", _Purging.rows),
    ("landing", _Purging.landing),
    ("marts", _Purging.marts),
    ("traces", _Purging.traces),
    ("leftovers", _Purging.leftovers),
    ("forget", _Purging.forget),
    ("space", _Purging.space),
)


def begin_purge(session: Session, workspace_id: str, clock: Clock, *, at_once: bool = False) -> bool:
    """Begin a purge, in the caller's transaction: from its commit on nothing can be undone.

    Args:
        session: the open transaction.
        workspace_id: which one.
        clock: tells whether it is due.
        at_once: without its thirty days, because the operator says so.

    Returns:
        Whether it is begun now, or was before; False when the deletion was undone meanwhile, or is not due.

    Raises:
        Refused: 404 no such workspace.
    """
    if session.get(Purge, workspace_id, populate_existing=True) is not None:
        return True
    lock_workspace(session, workspace_id)
    workspace = session.get_one(Workspace, workspace_id, populate_existing=True)
    now_us = to_micros(clock.now())
    requested_at_us = workspace.deletion_requested_at_us
    if not at_once and (requested_at_us is None or requested_at_us > to_micros(clock.now() - GRACE)):
        return False
    if session.get(Purge, workspace_id, populate_existing=True) is None:
        session.add(Purge(workspace_id=workspace_id, started_at_us=now_us, done_step=None))
    if requested_at_us is None:
        workspace.deletion_requested_at_us = now_us  # daemons are turned away from now on
    session.flush()
    return True


def purge_due(home: Home, engine: Engine, clock: Clock, watch: Watch | None = None) -> list[PurgeResult]:
    """Purge every workspace whose thirty days are over, and go on with purges that were not ended.

    One at a time per home: the caller holds its maintenance lock.

    Raises:
        Exception: whatever stopped a purge; it goes on with the next call.
    """
    with reading(engine) as session:
        due = due_for_purge(session, clock.now())
    results: list[PurgeResult] = []
    for workspace_id in due:
        with transaction(engine) as session:
            begun = begin_purge(session, workspace_id, clock)
        if begun:
            results.append(purge_workspace(home, engine, clock, workspace_id, watch))
    return results


def purge_workspace(
    home: Home, engine: Engine, clock: Clock, workspace_id: str, watch: Watch | None = None
) -> PurgeResult:
    """Go on with a purge that was begun, to its end.

    Args:
        home: whose files.
        engine: its app database.
        clock: tells the time.
        workspace_id: of the `purges` row.
        watch: told before and after every step.

    Returns:
        What was done.

    Raises:
        LookupError: no purge of it was begun, or it has ended.
        Exception: whatever stopped a step; the purge goes on with the next call.
    """
    with reading(engine) as session:
        row = session.get(Purge, workspace_id)
    if row is None or row.finished_at_us is not None:
        raise LookupError("there is no such purge under way")
    names = [name for name, _ in STEPS]
    first = 0 if row.done_step is None else names.index(row.done_step) + 1
    purging = _Purging(home, engine, clock, workspace_id)
    told = watch or _nothing
    done: list[str] = []
    for name, work in STEPS[first:]:
        told(f"before {name}")
        work(purging)
        told(f"after {name}")
        _note(engine, purging.workspace_id, name)
        done.append(name)
        _log.info("purge: %s done", name)
    with transaction(engine) as session:
        session.get_one(Purge, purging.workspace_id).finished_at_us = to_micros(clock.now())
    return PurgeResult(workspace_id, tuple(done))


def forgotten_id(workspace_id: str) -> str:
    """Return what stands in the place of a purged workspace's id: it can be told from the id, not the id from it."""
    return str(UUID(bytes=hashlib.sha256(workspace_id.encode()).digest()[:16]))


def _note(engine: Engine, workspace_id: str, step: str) -> None:
    with transaction(engine) as session:
        session.execute(update(Purge).where(Purge.workspace_id == workspace_id).values(done_step=step))


def _nothing(_point: str) -> None:
    pass
