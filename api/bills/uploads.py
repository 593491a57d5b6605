"""Invoice files: kept for a day, looked at, and taken once people said what their columns are.

Belongs here: keeping, previewing, taking and dropping uploads, and the audit of taking. Does not belong here: reading a
file (`csv_text`, `csv_mapping`, `csv_bills`), statements in general (`statements`).

A file is kept only between upload and taking. What stays is its digest, with the bills and in the audit log.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from api.audit import Actor, AuditEvent, Detail, Resource, record_event
from api.bills.csv_bills import FileBills, bills_of
from api.bills.csv_mapping import ColumnMapping
from api.bills.csv_text import read_csv, visible
from api.bills.money import Exchange
from api.bills.statements import Stated, check_days, record_manual
from api.db.models import BillUpload
from api.db.session import lock_workspace
from api.errors import conflict, invalid, not_found
from pipelines.lake.clock import to_micros

UPLOADS_KEPT: Final = timedelta(days=1)
UPLOADS_MAX: Final = 5
FILE_NAME_LENGTH_MAX: Final = 100
DAYS_MAX: Final = 1_100


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """How a file is to be taken.

    Attributes:
        provider: whose invoice it is.
        mapping: what its columns are.
        exchange: what other currencies are worth.
        span: first and last day, of a file without a date column.
    """

    provider: str
    mapping: ColumnMapping
    exchange: Exchange
    span: tuple[date, date] | None = None


def keep_upload(
    session: Session, workspace_id: str, file_name: str, content: bytes, *, actor: Actor, at: datetime
) -> BillUpload:
    """Keep a file, that has been read once (`csv_text.read_csv`), for a day.

    Args:
        session: the open transaction.
        workspace_id: whose.
        file_name: what people call it.
        content: its bytes.
        actor: who uploads it.
        at: now.

    Raises:
        Refused: 404 no such workspace; 409 too many wait.
    """
    lock_workspace(session, workspace_id)
    _forget_old(session, workspace_id, at)
    waiting = select(func.count()).select_from(BillUpload).where(BillUpload.workspace_id == workspace_id)
    if session.execute(waiting).scalar_one() >= UPLOADS_MAX:
        raise conflict("too_many_bill_uploads", f"{UPLOADS_MAX} files wait already; take or drop one of them first.")
    upload = BillUpload(
        id=str(uuid4()),
        workspace_id=workspace_id,
        file_name=visible(file_name, FILE_NAME_LENGTH_MAX) or "invoice.csv",
        sha256=hashlib.sha256(content).hexdigest(),
        byte_count=len(content),
        content=zlib.compress(content, 1),
        uploaded_by=actor.id,
        uploaded_at_us=to_micros(at),
    )
    session.add(upload)
    session.flush()
    return upload


def waiting_uploads(session: Session, workspace_id: str, at: datetime) -> list[BillUpload]:
    """Return files that wait to be taken, newest first."""
    oldest = to_micros(at - UPLOADS_KEPT)
    query = select(BillUpload).where(BillUpload.workspace_id == workspace_id, BillUpload.uploaded_at_us >= oldest)
    return list(session.scalars(query.order_by(BillUpload.uploaded_at_us.desc(), BillUpload.id)))


def upload_of(session: Session, workspace_id: str, upload_id: str, at: datetime) -> BillUpload:
    """Return a file that waits.

    Raises:
        Refused: 404 there is none of that id, or not any more.
    """
    upload = session.get(BillUpload, upload_id)
    oldest = to_micros(at - UPLOADS_KEPT)
    if upload is None or upload.workspace_id != workspace_id or upload.uploaded_at_us < oldest:
        raise not_found("bill_upload_not_found", "No such file; upload it again.")
    return upload


def read_upload(upload: BillUpload, taking: Taking, at: datetime) -> FileBills:
    """Return what a file says under a mapping; nothing is written. Takes a while for a large one: hold no transaction.

    Raises:
        Refused: 422 the mapping does not fit, or the days are not usable.
    """
    text = read_csv(zlib.decompress(upload.content), delimiter=taking.mapping.delimiter)
    note = f"From the file {upload.file_name}, SHA-256 {upload.sha256}."
    read = bills_of(text, taking.mapping, taking.exchange, span=taking.span, note=note)
    for period in read.periods:
        check_days(period.first_day, period.last_day, at)
    if len(read.periods) > DAYS_MAX:
        raise invalid(f"A file may have bills of {DAYS_MAX} days at most.")
    return read


def take_upload(
    session: Session, workspace_id: str, upload_id: str, provider: str, read: FileBills, *, actor: Actor, at: datetime
) -> Stated:
    """Write a file's bills down, all of them or none, and forget the file.

    Days stated before by people are corrected, as if typed in anew; days without a row in the file stay as they are.

    Args:
        session: the open transaction.
        workspace_id: whose.
        upload_id: the file.
        provider: whose invoice it is.
        read: what it says (`read_upload`).
        actor: who takes it.
        at: now.

    Raises:
        Refused: 404 no such file, or not any more; 422 a row cannot be read, or a bill not be kept.
    """
    lock_workspace(session, workspace_id)
    upload = upload_of(session, workspace_id, upload_id, at)
    if read.problem_count:
        first = read.problems[0]
        others = f" ({read.problem_count} rows in all)" if read.problem_count > 1 else ""
        raise invalid(f"Row {first.row} cannot be read: {first.reason}{others}.", code="bill_file_has_problems")
    stated = record_manual(session, workspace_id, provider, read.periods, actor=actor, at=at)
    details: dict[str, Detail] = {
        "provider": provider,
        "file": upload.file_name,
        "sha256": upload.sha256,
        "rows": read.rows,
        "first_day": read.periods[0].first_day.isoformat(),
        "last_day": max(period.last_day for period in read.periods).isoformat(),
        "new": stated.recorded.new,
        "restated": stated.recorded.restated,
        "unchanged": stated.recorded.unchanged,
    }
    resource, event = Resource("bill", stated.connection_id), AuditEvent.BILL_FILE_TAKEN
    record_event(session, workspace_id, actor=actor, event=event, resource=resource, details=details, at=at)
    session.delete(upload)
    return stated


def drop_upload(session: Session, workspace_id: str, upload_id: str, at: datetime) -> BillUpload:
    """Forget a file that was not taken.

    Raises:
        Refused: 404 no such file.
    """
    lock_workspace(session, workspace_id)
    upload = upload_of(session, workspace_id, upload_id, at)
    session.delete(upload)
    return upload


def _forget_old(session: Session, workspace_id: str, at: datetime) -> None:
    old = BillUpload.uploaded_at_us < to_micros(at - UPLOADS_KEPT)
    session.execute(delete(BillUpload).where(BillUpload.workspace_id == workspace_id, old))
