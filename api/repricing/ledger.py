"""The restatement ledger: runs written once, in order, each chained to the one before.

Belongs here: the rows and audit of runs, reading them, and proving them. Does not belong here: what a run finds
(`pricing`).

Nothing changes or deletes a run. Its digest is of all it says and of the digest before it, and stands in the audit log,
which is chained and signed: whatever is changed afterwards shows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.audit import Actor, AuditEvent, Resource, record_event
from api.closes.signing import canonical, digest_of
from api.db.models import GENESIS_HASH, RestatementEntry, RestatementRun
from api.db.session import lock_workspace
from api.errors import conflict
from pipelines.lake.clock import to_micros

if TYPE_CHECKING:
    from api.repricing.pricing import MonthPriced

FORMAT: Final = "halton-restatement-1"
_OF_RUN: Final = (
    "id", "workspace_id", "number", "month", "made_at_us", "made_by", "build_id", "max_file_seq", "rate_book_version",
    "said_at_us", "said_build_id", "said_rate_book_version", "previous_digest",
)  # fmt: skip
_OF_ENTRY: Final = ("provider", "cause", "requests", "unpriced_requests", "said_picousd", "now_picousd")


@dataclass(frozen=True, slots=True)
class ProvenRun:
    """A run of the ledger, and what proving it found.

    Attributes:
        run: the run.
        entries: its entries, by provider and cause.
        faults: what does not hold, in plain words; empty when all does.
    """

    run: RestatementRun
    entries: tuple[RestatementEntry, ...]
    faults: tuple[str, ...]


def record_run(
    session: Session, workspace_id: str, priced: MonthPriced, said_build_id: str | None, *, actor: Actor, at: datetime
) -> RestatementRun | None:
    """Append what a run found to the ledger.

    Args:
        session: in the caller's transaction.
        workspace_id: whose ledger.
        priced: what the run found.
        said_build_id: the build a month's first run was compared with, where it was named by one.
        actor: who ran it.
        at: now.

    Returns:
        The run; None when it has nothing to say that the run before did not, and nothing was written.

    Raises:
        Refused: 404 no such workspace; 409 another run was recorded meanwhile.
    """
    lock_workspace(session, workspace_id)
    before, previous = last_run(session, workspace_id, priced.month), priced.previous
    if (before and before.id) != (previous and previous.id):
        raise conflict("repricing_overtaken", "Another run of the month was recorded meanwhile; try again.")
    if not priced.has_changed:
        return None
    newest = _newest(session, workspace_id)
    run = RestatementRun(
        id=str(uuid4()),
        workspace_id=workspace_id,
        number=1 if newest is None else newest.number + 1,
        month=priced.month.isoformat(),
        made_at_us=to_micros(priced.priced_at),
        made_by=actor.id,
        build_id=priced.build_id,
        max_file_seq=priced.max_file_seq,
        rate_book_version=priced.rate_book_version,
        said_at_us=None if priced.said_at is None else to_micros(priced.said_at),
        said_build_id=said_build_id if previous is None else previous.build_id,
        said_rate_book_version=None if previous is None else previous.rate_book_version,
        previous_digest=GENESIS_HASH if newest is None else newest.digest,
    )
    entries = [
        RestatementEntry(
            run_id=run.id,
            provider=entry.provider,
            cause=entry.cause,
            workspace_id=workspace_id,
            requests=entry.requests,
            unpriced_requests=entry.unpriced_requests,
            said_picousd=str(entry.said),
            now_picousd=str(entry.now),
        )
        for entry in priced.entries
    ]
    run.digest = _digest(run, entries)
    session.add(run)
    session.flush()
    session.add_all(entries)
    session.flush()
    said, now = sum(entry.said for entry in priced.entries), sum(entry.now for entry in priced.entries)
    record_event(
        session,
        workspace_id,
        actor=actor,
        event=AuditEvent.MONTH_REPRICED,
        resource=Resource("month", run.month[:7]),
        details={
            "number": run.number,
            "build_id": run.build_id,
            "said_picousd": str(said),
            "now_picousd": str(now),
            "digest": run.digest,
        },
        at=at,
    )
    return run


def last_run(session: Session, workspace_id: str, month: date) -> RestatementRun | None:
    """Return a month's newest run; None when it was never repriced."""
    query = select(RestatementRun).where(
        RestatementRun.workspace_id == workspace_id, RestatementRun.month == month.isoformat()
    )
    return session.scalars(query.order_by(RestatementRun.number.desc()).limit(1)).one_or_none()


def entries_of(session: Session, run_ids: Sequence[str]) -> Mapping[str, list[RestatementEntry]]:
    """Return the entries of runs by run, each by provider and cause."""
    query = select(RestatementEntry).where(RestatementEntry.run_id.in_(run_ids))
    found: defaultdict[str, list[RestatementEntry]] = defaultdict(list)
    for entry in session.scalars(query.order_by(RestatementEntry.provider, RestatementEntry.cause)):
        found[entry.run_id].append(entry)
    return found


def list_runs(
    session: Session, workspace_id: str, limit: int, *, month: date | None = None, before: int | None = None
) -> list[ProvenRun]:
    """Return runs with their entries, newest first, each proved.

    Args:
        session: the open session.
        workspace_id: whose.
        limit: at most so many.
        month: of this month only.
        before: only those with a smaller number.
    """
    query = select(RestatementRun).where(RestatementRun.workspace_id == workspace_id)
    if month is not None:
        query = query.where(RestatementRun.month == month.isoformat())
    if before is not None:
        query = query.where(RestatementRun.number < before)
    runs = session.scalars(query.order_by(RestatementRun.number.desc()).limit(limit)).all()
    return prove_runs(session, workspace_id, runs)


def prove_runs(session: Session, workspace_id: str, runs: Sequence[RestatementRun]) -> list[ProvenRun]:
    """Compute the digests of runs anew, and compare them with what is kept and with the runs before them."""
    entries = entries_of(session, [run.id for run in runs])
    before = select(RestatementRun.number, RestatementRun.digest).where(
        RestatementRun.workspace_id == workspace_id, RestatementRun.number.in_([run.number - 1 for run in runs])
    )
    digests = {row.number: row.digest for row in session.execute(before)}
    proven: list[ProvenRun] = []
    for run in runs:
        faults: list[str] = []
        if _digest(run, entries[run.id]) != run.digest:
            faults.append("the digest is not that of the run")
        if run.previous_digest != (GENESIS_HASH if run.number == 1 else digests.get(run.number - 1)):
            faults.append("the run before it is missing or another one")
        proven.append(ProvenRun(run, tuple(entries[run.id]), tuple(faults)))
    return proven


def _newest(session: Session, workspace_id: str) -> RestatementRun | None:
    query = select(RestatementRun).where(RestatementRun.workspace_id == workspace_id)
    return session.scalars(query.order_by(RestatementRun.number.desc()).limit(1)).one_or_none()


def _digest(run: RestatementRun, entries: Sequence[RestatementEntry]) -> str:
    ordered = sorted(entries, key=lambda entry: (entry.provider, entry.cause))
    content: dict[str, Any] = {name: getattr(run, name) for name in _OF_RUN}
    said = [{name: getattr(entry, name) for name in _OF_ENTRY} for entry in ordered]
    return digest_of(canonical({"format": FORMAT, **content, "entries": said}))
