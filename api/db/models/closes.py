"""Tables of closed months, and of invoice files that wait to be understood.

Belongs here: their columns. Does not belong here: bills themselves (`pipelines.lake.bills`), the rules of closing
(`api.closes`) and of files (`api.bills`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from api.db.models.base import Base, Email, Id, InstantUs, Sha256, Text64, Text255

AMOUNT_DIGITS_MAX = 40
"""Characters of a whole number of picodollars: sums of a month may be wider than 64 bits."""


class BillUpload(Base):
    """One row per invoice file that was uploaded and not yet taken: its bytes, compressed, for a day."""

    __tablename__ = "bill_uploads"

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), index=True)
    file_name: Mapped[Text255]
    sha256: Mapped[Sha256]
    byte_count: Mapped[int] = mapped_column(BigInteger)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    uploaded_by: Mapped[Email]
    uploaded_at_us: Mapped[InstantUs]


class MonthClose(Base):
    """One row per close of a month; `reopened_at_us` is null for the one that holds.

    `document` is the canonical JSON that `digest` is of and `signature` signs, together with `month_close_totals` the
    whole of what was said. Months are calendar months of the providers' days, in UTC.
    """

    __tablename__ = "month_closes"
    __table_args__ = (UniqueConstraint("workspace_id", "month", "number"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), index=True)
    month: Mapped[str] = mapped_column(String(10))
    number: Mapped[int]
    closed_at_us: Mapped[InstantUs]
    closed_by: Mapped[Email]
    build_id: Mapped[Text64]
    analysis_id: Mapped[Text64]
    max_file_seq: Mapped[int] = mapped_column(BigInteger)
    document: Mapped[str] = mapped_column(Text)
    digest: Mapped[Sha256]
    public_key: Mapped[Text64]
    signature: Mapped[str] = mapped_column(String(128))
    reopened_at_us: Mapped[InstantUs | None]
    reopened_by: Mapped[Email | None]
    reopen_reason: Mapped[str | None] = mapped_column(String(500))


Index(
    "ix_month_closes_in_force",
    MonthClose.workspace_id,
    MonthClose.month,
    unique=True,
    sqlite_where=MonthClose.reopened_at_us.is_(None),
    postgresql_where=MonthClose.reopened_at_us.is_(None),
)


class MonthCloseTotal(Base):
    """One row per close and provider, `all` included: what was said. Amounts are whole picodollars as text."""

    __tablename__ = "month_close_totals"

    close_id: Mapped[Id] = mapped_column(ForeignKey("month_closes.id"), primary_key=True)
    provider: Mapped[Text64] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), index=True)
    requests: Mapped[int] = mapped_column(BigInteger)
    unpriced_requests: Mapped[int] = mapped_column(BigInteger)
    logged_picousd: Mapped[str] = mapped_column(String(AMOUNT_DIGITS_MAX))
    priced_picousd: Mapped[str] = mapped_column(String(AMOUNT_DIGITS_MAX))
    billed_picousd: Mapped[str | None] = mapped_column(String(AMOUNT_DIGITS_MAX))
    variance_picousd: Mapped[str | None] = mapped_column(String(AMOUNT_DIGITS_MAX))
