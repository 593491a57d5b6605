"""The table of what people decided about recommendations."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from api.db.models.base import Base, Email, Id, InstantUs, Sha256, Text32, Text64, Text255


class OptimisationDecision(Base):
    """One row per decision; `kind` is `accept`, `dismiss` or `suppress`. A withdrawn one stays, for the history.

    It holds for whatever it leaves open: a check without a project in all of them, a project without a check for all
    checks. An accepted recommendation is kept with what it proposed and the saving it quoted, over 30 days.
    """

    __tablename__ = "optimisation_decisions"
    __table_args__ = (Index("ix_optimisation_decisions_workspace_id", "workspace_id", "decided_at_us"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"))
    kind: Mapped[Text32]
    check_id: Mapped[Text64 | None]
    project: Mapped[Text255 | None]
    provider: Mapped[Text64 | None]
    model: Mapped[Text255 | None]
    other_model: Mapped[Text255 | None]
    finding_id: Mapped[Sha256 | None]
    quoted_saving_picousd: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[Text255] = mapped_column(default="")
    decided_by: Mapped[Email]
    decided_at_us: Mapped[InstantUs]
    withdrawn_by: Mapped[Email | None]
    withdrawn_at_us: Mapped[InstantUs | None]
