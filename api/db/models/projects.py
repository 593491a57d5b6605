"""Tables of projects: how they are called, grouped, budgeted, and whose requests they take over."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from api.db.models.base import (
    Base,
    Email,
    Id,
    InstantUs,
    Millicents,
    PicousdPerToken,
    Position,
    Text64,
    Text255,
)
from pipelines.lake.ledger import Uuid36


class Project(Base):
    """One row per project slug ever seen in a workspace.

    Rows of a project with `over_ceiling`, or received after `archived_at_us`, land and are withheld from dashboards.
    `visibility_version` rises with every change of either, so that the warehouse knows what to roll up again.
    """

    __tablename__ = "projects"
    __table_args__ = (UniqueConstraint("workspace_id", "slug", name="uq_projects_workspace_id_slug"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"))
    slug: Mapped[Text255]
    display_name: Mapped[Text255 | None]
    client_name: Mapped[Text255 | None]
    hourly_rate_millicents: Mapped[Millicents | None]
    hourly_rate_currency: Mapped[str | None] = mapped_column(String(3))
    markup_basis_points: Mapped[int | None]
    cost_centre_id: Mapped[Id | None]
    first_seen_at_us: Mapped[InstantUs]
    archived_at_us: Mapped[InstantUs | None]
    over_ceiling: Mapped[bool] = mapped_column(default=False)
    visibility_version: Mapped[int] = mapped_column(default=1)


class CostCentre(Base):
    """One row per cost centre: a business unit that projects are assigned to."""

    __tablename__ = "cost_centres"
    __table_args__ = (UniqueConstraint("workspace_id", "slug", name="uq_cost_centres_workspace_id_slug"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), index=True)
    slug: Mapped[Text64]
    name: Mapped[Text255]
    created_at_us: Mapped[InstantUs]
    archived_at_us: Mapped[InstantUs | None]


class Reattribution(Base):
    """One row per decision that requests of one project count for another; `position` orders them in a workspace.

    Covers requests logged under `from_slug` at instants in [`from_us`, `until_us`), of one device when `device_id` is
    set. What laptops logged stays as it is: the warehouse follows the standing decisions, the newest one that fits.
    """

    __tablename__ = "reattributions"
    __table_args__ = (UniqueConstraint("workspace_id", "position", name="uq_reattributions_workspace_id_position"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"))
    position: Mapped[Position]
    from_slug: Mapped[Text255]
    to_slug: Mapped[Text255]
    from_us: Mapped[InstantUs | None]
    until_us: Mapped[InstantUs | None]
    device_id: Mapped[Id | None]
    reason: Mapped[Text255] = mapped_column(default="")
    decided_by: Mapped[Email]
    decided_at_us: Mapped[InstantUs]
    withdrawn_at_us: Mapped[InstantUs | None]


class Budget(Base):
    """One row per monthly budget; `scope_id` is empty for the workspace as a whole."""

    __tablename__ = "budgets"
    __table_args__ = (UniqueConstraint("workspace_id", "scope", "scope_id", name="uq_budgets_workspace_id_scope"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"))
    scope: Mapped[str] = mapped_column(String(16))
    scope_id: Mapped[str] = mapped_column(Uuid36, default="")
    monthly_millicents: Mapped[Millicents]
    alert_percent: Mapped[Text64 | None]


class RateOverride(Base):
    """One row per price a workspace negotiated; a newer one of the same key, or a withdrawal, sets `withdrawn_at_us`.

    The key is (provider, model_ref, service_tier, context_over_tokens, valid_from_us). Prices are picodollars per token
    (1 USD per million tokens = 1,000,000); null where the kind has no known price.
    """

    __tablename__ = "rate_overrides"

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), index=True)
    provider: Mapped[Text64]
    model_ref: Mapped[Text255]
    service_tier: Mapped[Text64] = mapped_column(default="standard")
    context_over_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    valid_from_us: Mapped[InstantUs]
    valid_to_us: Mapped[InstantUs | None]
    known_from_us: Mapped[InstantUs]
    withdrawn_at_us: Mapped[InstantUs | None]
    uncached_input_picousd_per_token: Mapped[PicousdPerToken | None]
    cache_read_picousd_per_token: Mapped[PicousdPerToken | None]
    cache_write_5m_picousd_per_token: Mapped[PicousdPerToken | None]
    cache_write_1h_picousd_per_token: Mapped[PicousdPerToken | None]
    output_picousd_per_token: Mapped[PicousdPerToken | None]
    note: Mapped[str] = mapped_column(Text, default="")
