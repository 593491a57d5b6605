"""Tables of the restatement ledger: what repricing runs said of months.

Belongs here: their columns. Does not belong here: the rules (`api.repricing`), what a run compares (`api.dashboards`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from api.db.models.base import Base, Email, Id, InstantUs, Position, Sha256, Text32, Text64
from api.db.models.closes import AMOUNT_DIGITS_MAX


class RestatementRun(Base):
    """One row per repricing run that had something to say; numbered per workspace, written once and never changed.

    `digest` is of the row and its entries, with the digest of the run before it among them. What was said is of
    `said_build_id` or `said_at_us`; a month's first run may have neither.
    """

    __tablename__ = "restatement_runs"
    __table_args__ = (UniqueConstraint("workspace_id", "number"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), index=True)
    number: Mapped[Position]
    month: Mapped[str] = mapped_column(String(10))
    made_at_us: Mapped[InstantUs]
    made_by: Mapped[Email]
    build_id: Mapped[Text64]
    max_file_seq: Mapped[int] = mapped_column(BigInteger)
    rate_book_version: Mapped[Text64 | None]
    said_at_us: Mapped[InstantUs | None]
    said_build_id: Mapped[Text64 | None]
    said_rate_book_version: Mapped[Text64 | None]
    previous_digest: Mapped[Sha256]
    digest: Mapped[Sha256]


class RestatementEntry(Base):
    """One row per run, provider and cause, `unchanged` among them: each request of the month is in one.

    Amounts are whole picodollars as text. A run's entries add up to all that was said of the month and is said now.
    """

    __tablename__ = "restatement_entries"

    run_id: Mapped[Id] = mapped_column(ForeignKey("restatement_runs.id"), primary_key=True)
    provider: Mapped[Text64] = mapped_column(primary_key=True)
    cause: Mapped[Text32] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), index=True)
    requests: Mapped[int] = mapped_column(BigInteger)
    unpriced_requests: Mapped[int] = mapped_column(BigInteger)
    said_picousd: Mapped[str] = mapped_column(String(AMOUNT_DIGITS_MAX))
    now_picousd: Mapped[str] = mapped_column(String(AMOUNT_DIGITS_MAX))
