"""Closing a month, opening it again, and proving that what was said is what is kept.

Belongs here: the rules, rows and audit of closes. Does not belong here: a month's figures (`figures`), documents and
signatures (`signing`), what changed since (`dbt_project`, `mart_restatements`).

At most one close of a month is in force. Nothing is deleted: opened again, a close stays, with who did it and why.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.audit import Actor, AuditEvent, Detail, Resource, record_event
from api.audit.digests import Signer
from api.bills.statements import checked_reason
from api.closes.figures import MonthFigures, next_month, not_built, require_whole
from api.closes.signing import Signed, digest_of, sign, signature_holds
from api.db.models import MonthClose, MonthCloseTotal
from api.db.session import lock_workspace
from api.errors import conflict, not_found
from pipelines.lake.clock import iso_utc, to_micros

_KEPT: Final = (
    "provider", "requests", "unpriced_requests", "logged_picousd", "priced_picousd", "billed_picousd",
    "variance_picousd",
)  # fmt: skip
"""What is kept in columns, too, of each total that was signed."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What proving a close found.

    Attributes:
        close: the close.
        faults: what does not hold, in plain words; empty when all does.
        is_ours: whether this server's present key signed it.
    """

    close: MonthClose
    faults: tuple[str, ...]
    is_ours: bool


def require_over(month: date, at: datetime) -> None:
    """Refuse a month that is not over, in UTC.

    Raises:
        Refused: 409 `month_not_over`.
    """
    if at.astimezone(UTC).date() < next_month(month):
        raise conflict("month_not_over", "The month is not over yet, in UTC.")


def close_month(
    session: Session, workspace_id: str, figures: MonthFigures, signer: Signer, *, actor: Actor, at: datetime
) -> MonthClose:
    """Close a month with the figures that were read of it.

    Raises:
        Refused: 404 no such workspace; 409 the month is not over, is closed, is empty, or is not all in the figures.
    """
    lock_workspace(session, workspace_id)
    month = figures.month
    require_over(month, at)
    if in_force(session, workspace_id, month) is not None:
        raise conflict("month_closed", "The month is closed already.")
    if figures.built_at.date() < next_month(month):
        raise not_built("The figures were made before the month was over.")
    require_whole(session, workspace_id, figures)
    if not figures.totals:
        raise conflict("month_empty", "Nothing was logged or billed in this month.")
    number = _newest_number(session, workspace_id, month) + 1
    signed = sign(signer, _content(workspace_id, figures, number, actor, at))
    close = MonthClose(
        id=str(uuid4()),
        workspace_id=workspace_id,
        month=month.isoformat(),
        number=number,
        closed_at_us=to_micros(at),
        closed_by=actor.id,
        build_id=figures.build_id,
        analysis_id=figures.analysis_id,
        max_file_seq=figures.max_file_seq,
        document=signed.document,
        digest=signed.digest,
        public_key=signed.public_key,
        signature=signed.signature,
    )
    session.add(close)
    session.flush()
    for total in figures.totals:
        kept = {name: total[name] for name in _KEPT}
        session.add(MonthCloseTotal(close_id=close.id, workspace_id=workspace_id, **kept))
    session.flush()
    details: dict[str, Detail] = {"number": number, "build_id": close.build_id, "digest": close.digest}
    _record(session, close, AuditEvent.MONTH_CLOSED, details, actor, at)
    return close


def reopen_month(
    session: Session, workspace_id: str, month: date, reason: str, *, actor: Actor, at: datetime
) -> MonthClose:
    """Open a closed month again; the close stays in the list with the reason.

    Raises:
        Refused: 404 no such workspace, or the month is not closed; 422 there is no reason.
    """
    reason = checked_reason(reason)
    lock_workspace(session, workspace_id)
    close = in_force(session, workspace_id, month)
    if close is None:
        raise not_found("month_not_closed", "This month is not closed.")
    close.reopened_at_us, close.reopened_by, close.reopen_reason = to_micros(at), actor.id, reason
    session.flush()
    details: dict[str, Detail] = {"number": close.number, "digest": close.digest, "reason": reason}
    _record(session, close, AuditEvent.MONTH_REOPENED, details, actor, at)
    return close


def in_force(session: Session, workspace_id: str, month: date) -> MonthClose | None:
    """Return the close of a month that holds; None when it is open."""
    query = select(MonthClose).where(
        MonthClose.workspace_id == workspace_id,
        MonthClose.month == month.isoformat(),
        MonthClose.reopened_at_us.is_(None),
    )
    return session.scalars(query).one_or_none()


def list_closes(session: Session, workspace_id: str) -> Sequence[MonthClose]:
    """Return every close there ever was, newest months and closes first."""
    query = select(MonthClose).where(MonthClose.workspace_id == workspace_id)
    return session.scalars(query.order_by(MonthClose.month.desc(), MonthClose.number.desc())).all()


def prove_close(session: Session, close: MonthClose, public_key: str) -> Proof:
    """Compute digest and signature of a close anew, and compare what is kept in columns with what was signed.

    Args:
        session: the open session.
        close: which one.
        public_key: this server's, hex.
    """
    faults: list[str] = []
    if digest_of(close.document) != close.digest:
        faults.append("the digest is not that of the document")
    if not signature_holds(Signed(close.document, close.digest, close.public_key, close.signature)):
        faults.append("the signature does not hold")
    try:
        said: dict[str, Any] = json.loads(close.document)
        signed = {
            (name, said[name])
            for name in ("workspace_id", "month", "number", "closed_by", "build_id", "analysis_id", "max_file_seq")
        }
        same = signed == {(name, getattr(close, name)) for name, _ in signed}
        signed_totals = {tuple(total[name] for name in _KEPT) for total in said["totals"]}
        if to_micros(datetime.fromisoformat(said["closed_at"])) != close.closed_at_us or not same:
            faults.append("the close's columns are not what was signed")
    except (ValueError, KeyError, TypeError):
        faults.append("the document cannot be read")
    else:
        if signed_totals != _kept_totals(session, close):
            faults.append("the totals are not those that were signed")
    return Proof(close, tuple(faults), is_ours=close.public_key == public_key)


def _kept_totals(session: Session, close: MonthClose) -> set[tuple[Any, ...]]:
    rows = session.scalars(select(MonthCloseTotal).where(MonthCloseTotal.close_id == close.id))
    return {tuple(getattr(row, name) for name in _KEPT) for row in rows}


def _content(workspace_id: str, figures: MonthFigures, number: int, actor: Actor, at: datetime) -> dict[str, Any]:
    return {
        "workspace_id": workspace_id,
        "month": figures.month.isoformat(),
        "number": number,
        "closed_at": iso_utc(at),
        "closed_by": actor.id,
        "build_id": figures.build_id,
        "analysis_id": figures.analysis_id,
        "data_as_of": figures.data_as_of,
        "max_file_seq": figures.max_file_seq,
        "totals": [dict(total) for total in figures.totals],
    }


def _newest_number(session: Session, workspace_id: str, month: date) -> int:
    query = select(func.max(MonthClose.number)).where(
        MonthClose.workspace_id == workspace_id, MonthClose.month == month.isoformat()
    )
    return session.execute(query).scalar_one() or 0


def _record(
    session: Session, close: MonthClose, event: AuditEvent, details: dict[str, Detail], actor: Actor, at: datetime
) -> None:
    resource = Resource("month", close.month[:7])
    record_event(session, close.workspace_id, actor=actor, event=event, resource=resource, details=details, at=at)
