"""Tables of billing and mail: what a subscription says, which webhooks were taken, which e-mails are owed."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from api.db.models.base import (
    Base,
    Email,
    Id,
    InstantUs,
    Millicents,
    Text32,
    Text64,
    Text255,
)


class Subscription(Base):
    """One row per workspace whose billing says more than its plan; a workspace without one is on the plan alone.

    `cancels_at_us`, once past, makes the workspace read-only. `paid_monthly_millicents` is the highest monthly price
    charged for so far in the period of `changed_at_us`, and `next_invoice_millicents` what that period adds to the next
    invoice. `provider_event_at_us` is when the newest event taken from the billing provider happened.
    """

    __tablename__ = "subscriptions"

    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    provider: Mapped[Text32]
    customer_ref: Mapped[Text255 | None] = mapped_column(index=True)
    extra_seats: Mapped[int] = mapped_column(default=0)
    contract_seats: Mapped[int | None]
    period_starts_at_us: Mapped[InstantUs]
    period_ends_at_us: Mapped[InstantUs]
    cancels_at_us: Mapped[InstantUs | None]
    payment_method: Mapped[Text64 | None]
    paid_monthly_millicents: Mapped[Millicents] = mapped_column(default=0)
    next_invoice_millicents: Mapped[Millicents] = mapped_column(default=0)
    changed_at_us: Mapped[InstantUs]
    provider_event_at_us: Mapped[InstantUs | None]


class WebhookEvent(Base):
    """One row per billing event taken, written in the transaction of its effect: a replay finds it here."""

    __tablename__ = "webhook_events"

    provider: Mapped[Text32] = mapped_column(primary_key=True)
    event_id: Mapped[Text255] = mapped_column(primary_key=True)
    kind: Mapped[Text64]
    occurred_at_us: Mapped[InstantUs]
    workspace_id: Mapped[Id | None]
    received_at_us: Mapped[InstantUs]


class OutboxMessage(Base):
    """One row per e-mail owed, written in the transaction that owes it.

    States: `queued`, `sending`, `sent`, `failed` (given up), `uncertain` (the server may have taken it: not sent again
    by itself). The body holds links that sign people in: it is sealed, and erased once the message has ended.
    """

    __tablename__ = "outbox_messages"
    __table_args__ = (Index("ix_outbox_messages_due", "state", "not_before_us"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id | None] = mapped_column(index=True)
    kind: Mapped[Text64]
    recipient: Mapped[Email]
    subject: Mapped[Text255]
    sealed_body: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[Text32]
    attempts: Mapped[int] = mapped_column(default=0)
    created_at_us: Mapped[InstantUs]
    not_before_us: Mapped[InstantUs]
    expires_at_us: Mapped[InstantUs | None]
    claimed_at_us: Mapped[InstantUs | None]
    ended_at_us: Mapped[InstantUs | None]
    last_failure: Mapped[Text255 | None]
