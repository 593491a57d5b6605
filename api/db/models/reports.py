"""The table of issued reports.

Belongs here: its columns. Does not belong here: what a report may be asked for and how it is made (`api.reports`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from api.db.models.base import Base, Email, Id, InstantUs, Sha256, Text32, Text64, Text255


class IssuedReport(Base):
    """One row per report that was asked for; once it is ready, nothing of the row or of its file changes any more.

    `parameters` is the canonical JSON of what was asked for, `document` the canonical JSON of everything the PDF says,
    `document_sha256` its digest. The PDF lies in the home, `sha256` is the digest of its bytes. `number` counts the
    reports of a workspace, from 1.
    """

    __tablename__ = "issued_reports"
    __table_args__ = (UniqueConstraint("workspace_id", "number"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), index=True)
    number: Mapped[int]
    kind: Mapped[Text32]
    title: Mapped[Text255]
    parameters: Mapped[str] = mapped_column(Text)
    requested_by: Mapped[Email]
    requested_at_us: Mapped[InstantUs]
    state: Mapped[Text32] = mapped_column(index=True)
    done_steps: Mapped[int] = mapped_column(default=0)
    total_steps: Mapped[int] = mapped_column(default=0)
    issued_at_us: Mapped[InstantUs | None]
    build_id: Mapped[Text64 | None]
    document: Mapped[str | None] = mapped_column(Text)
    document_sha256: Mapped[Sha256 | None]
    certificate_sha256: Mapped[Sha256 | None]
    sha256: Mapped[Sha256 | None] = mapped_column(index=True)
    byte_count: Mapped[int | None] = mapped_column(BigInteger)
    page_count: Mapped[int | None]
    failure: Mapped[Text255 | None]
