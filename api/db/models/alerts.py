"""Tables of alerts: who wants them, what was crossed, and which calls of webhooks are owed."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from api.db.models.base import Base, Email, Id, InstantUs, Millicents, Sha256, Text32, Text64, Text255

URL_LENGTH_MAX = 2_000


class AlertSettings(Base):
    """One row per workspace that changed who is told; without one Owners and Admins are, of everything.

    `mail_to` is `owners_and_admins`, `addresses` or `nobody`; `addresses` is a JSON list of e-mail addresses.
    """

    __tablename__ = "alert_settings"

    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    mail_to: Mapped[Text32]
    addresses: Mapped[str] = mapped_column(Text)
    tells_anomalies: Mapped[bool]
    changed_at_us: Mapped[InstantUs]
    changed_by: Mapped[Email]


class AlertWebhook(Base):
    """One row per workspace that wants its alerts sent to a URL, with the sealed secret that signs the calls."""

    __tablename__ = "alert_webhooks"

    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    url: Mapped[str] = mapped_column(String(URL_LENGTH_MAX))
    sealed_secret: Mapped[str] = mapped_column(Text)
    created_at_us: Mapped[InstantUs]
    created_by: Mapped[Email]


class Alert(Base):
    """One row per crossing, written in the transaction that queues its e-mails and calls; nobody writes a second.

    `crossing` tells it from every other of the workspace. A budget's alert has scope, slug, month, percent and the
    budget; an anomaly's has project, provider, model and hour; a regression's project, provider, model, the acceptance
    and its check, and for spent and limit what 1,000 cost since and before. `is_told` is false where a higher threshold
    of the same budget was told at the same time, and where there are too many anomalies or regressions at once.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        UniqueConstraint("workspace_id", "crossing", name="uq_alerts_workspace_id_crossing"),
        Index("ix_alerts_newest", "workspace_id", "noticed_at_us"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"))
    crossing: Mapped[Sha256]
    kind: Mapped[Text32]
    noticed_at_us: Mapped[InstantUs]
    build_id: Mapped[Text64]
    is_told: Mapped[bool]
    mails: Mapped[int]
    spent_millicents: Mapped[Millicents]
    limit_millicents: Mapped[Millicents]
    scope: Mapped[Text32 | None]
    slug: Mapped[Text255 | None]
    month: Mapped[str | None] = mapped_column(String(10))
    percent: Mapped[int | None]
    anomaly_id: Mapped[Text64 | None]
    project: Mapped[Text255 | None]
    provider: Mapped[Text64 | None]
    model: Mapped[Text255 | None]
    hour_starts_at_us: Mapped[InstantUs | None]
    expected_millicents: Mapped[Millicents | None]
    decision_id: Mapped[Id | None]
    check_id: Mapped[Text64 | None]


class AlertDelivery(Base):
    """One row per call of a webhook that is owed, or was; its id is the call's `webhook-id`, whenever it is repeated.

    States: `queued`, `sending` (until `not_before_us`, when its claim lapses), `sent`, `failed` (given up).
    """

    __tablename__ = "alert_deliveries"
    __table_args__ = (Index("ix_alert_deliveries_due", "state", "not_before_us"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), index=True)
    alert_id: Mapped[Id] = mapped_column(ForeignKey("alerts.id"))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[Text32]
    attempts: Mapped[int]
    created_at_us: Mapped[InstantUs]
    not_before_us: Mapped[InstantUs]
    ended_at_us: Mapped[InstantUs | None]
    last_failure: Mapped[Text255 | None]
