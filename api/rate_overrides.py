"""Prices a workspace negotiated: setting, withdrawing, listing.

Belongs here: which values a negotiated price may have, superseding, and the audit of both. Does not belong here: list
prices and model names (`pipelines.rates`, which the command asks), pricing rows (`dbt_project`).

Nothing is ever deleted: setting a price again under the same key, or withdrawing it, ends the old row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.audit import Actor, AuditEvent, Detail, Resource, record_event
from api.db.models import RateOverride
from api.db.session import lock_workspace
from api.errors import invalid, not_found
from pipelines.lake.clock import EPOCH, from_micros, iso_utc, to_micros

PRICE_KINDS: Final = ("uncached_input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
PICOUSD_PER_TOKEN_MAX: Final = 1_800_000_000
"""1,800 USD per million tokens, the rate book's own limit: five kinds of 10^9 tokens still fit 64 bits."""
CONTEXT_TOKENS_MAX: Final = 1_000_000_000
NOTE_LENGTH_MAX: Final = 1_000
END_OF_TIME: Final = datetime(9999, 12, 31, tzinfo=UTC)
_TEXT_LENGTHS: Final = {"provider": 64, "model_ref": 255, "service_tier": 64}


@dataclass(frozen=True, slots=True, kw_only=True)
class NegotiatedRate:
    """A price as agreed with a provider, in force over [valid_from, valid_to).

    Attributes:
        provider: wire id (`gemini`, not `google`).
        model_ref: the rate book's name of the model.
        prices: picodollars per token by kind (`PRICE_KINDS`); tokens of an absent kind have no known price.
        valid_from: aware instant.
        valid_to: aware instant; None while it is open.
        service_tier: `standard`, `batch`, …
        context_over_tokens: it applies to calls with more input tokens than this; 0 for all calls.
        note: for people.
    """

    provider: str
    model_ref: str
    prices: Mapping[str, int] = field(default_factory=dict[str, int])
    valid_from: datetime
    valid_to: datetime | None = None
    service_tier: str = "standard"
    context_over_tokens: int = 0
    note: str = ""


def set_rate_override(
    session: Session, workspace_id: str, rate: NegotiatedRate, *, actor: Actor, at: datetime
) -> tuple[RateOverride, str | None]:
    """Set a negotiated price, known from `at` on; the one in force under the same key is superseded.

    Returns:
        The new row, and the id of the superseded one if there was any.

    Raises:
        Refused: 422 when a value is not usable, 404 when there is no such workspace.
    """
    _check(rate)
    lock_workspace(session, workspace_id)
    row = _row(workspace_id, rate, at)
    old = _in_force(session, row)
    if old is not None:
        old.withdrawn_at_us = row.known_from_us
    session.add(row)
    session.flush()
    superseded = None if old is None else old.id
    _record(session, row, AuditEvent.RATE_SET, actor, at, {**_details(row), "superseded": superseded})
    return row, superseded


def withdraw_rate_override(
    session: Session, workspace_id: str, override_id: str, *, actor: Actor, at: datetime
) -> RateOverride:
    """Withdraw a negotiated price for its whole validity, as if it had never been agreed.

    Raises:
        Refused: 404 when the workspace has no such price in force.
    """
    lock_workspace(session, workspace_id)
    row = session.scalars(
        select(RateOverride).where(
            RateOverride.id == override_id,
            RateOverride.workspace_id == workspace_id,
            RateOverride.withdrawn_at_us.is_(None),
        )
    ).one_or_none()
    if row is None:
        raise not_found("rate_not_found", "No such rate, or it was withdrawn before.")
    row.withdrawn_at_us = to_micros(at)
    session.flush()
    _record(session, row, AuditEvent.RATE_WITHDRAWN, actor, at, _details(row))
    return row


def list_rate_overrides(session: Session, workspace_id: str) -> Sequence[RateOverride]:
    """Return every price the workspace ever negotiated, in the order they became known."""
    return session.scalars(
        select(RateOverride)
        .where(RateOverride.workspace_id == workspace_id)
        .order_by(RateOverride.known_from_us, RateOverride.id)
    ).all()


def prices_of(row: RateOverride) -> dict[str, int | None]:
    """Return a row's prices by kind, picodollars per token."""
    return {kind: getattr(row, f"{kind}_picousd_per_token") for kind in PRICE_KINDS}


def _check(rate: NegotiatedRate) -> None:
    for name, longest in _TEXT_LENGTHS.items():
        value: str = getattr(rate, name)
        if not value or value != value.strip() or len(value) > longest or not value.isprintable():
            raise invalid(f"The {name.replace('_', ' ')} must have 1 to {longest} printable characters.")
    if len(rate.note) > NOTE_LENGTH_MAX or not rate.note.isprintable():
        raise invalid(f"The note must have at most {NOTE_LENGTH_MAX} printable characters.")
    if not 0 <= rate.context_over_tokens <= CONTEXT_TOKENS_MAX:
        raise invalid(f"The context must be between 0 and {CONTEXT_TOKENS_MAX} tokens.")
    if not rate.prices:
        raise invalid("At least one price is needed.")
    if not set(rate.prices) <= set(PRICE_KINDS):
        raise invalid(f"Prices are of the kinds {', '.join(PRICE_KINDS)}.")
    if not all(0 <= price <= PICOUSD_PER_TOKEN_MAX for price in rate.prices.values()):
        raise invalid("A price must be between 0 and 1800 USD per million tokens.")
    if not EPOCH <= rate.valid_from < (rate.valid_to or END_OF_TIME) <= END_OF_TIME:
        raise invalid("The rate must begin in 1970 or later, and end after it begins.")


def _row(workspace_id: str, rate: NegotiatedRate, at: datetime) -> RateOverride:
    return RateOverride(
        id=str(uuid4()),
        workspace_id=workspace_id,
        provider=rate.provider,
        model_ref=rate.model_ref,
        service_tier=rate.service_tier,
        context_over_tokens=rate.context_over_tokens,
        valid_from_us=to_micros(rate.valid_from),
        valid_to_us=None if rate.valid_to is None else to_micros(rate.valid_to),
        known_from_us=to_micros(at),
        note=rate.note,
        **{f"{kind}_picousd_per_token": rate.prices.get(kind) for kind in PRICE_KINDS},
    )


def _in_force(session: Session, like: RateOverride) -> RateOverride | None:
    """Return the row of the same key that is not withdrawn; the workspace's lock keeps it the only one."""
    return session.scalars(
        select(RateOverride).where(
            RateOverride.workspace_id == like.workspace_id,
            RateOverride.provider == like.provider,
            RateOverride.model_ref == like.model_ref,
            RateOverride.service_tier == like.service_tier,
            RateOverride.context_over_tokens == like.context_over_tokens,
            RateOverride.valid_from_us == like.valid_from_us,
            RateOverride.withdrawn_at_us.is_(None),
        )
    ).one_or_none()


def _details(row: RateOverride) -> dict[str, Detail]:
    return {
        "provider": row.provider,
        "model_ref": row.model_ref,
        "service_tier": row.service_tier,
        "context_over_tokens": row.context_over_tokens,
        "valid_from": iso_utc(from_micros(row.valid_from_us)),
        "valid_to": None if row.valid_to_us is None else iso_utc(from_micros(row.valid_to_us)),
        **{f"{kind}_picousd_per_token": price for kind, price in prices_of(row).items()},
    }


def _record(
    session: Session,
    row: RateOverride,
    event: AuditEvent,
    actor: Actor,
    at: datetime,
    details: Mapping[str, Detail],
) -> None:
    resource = Resource("rate", row.id)
    record_event(session, row.workspace_id, actor=actor, event=event, resource=resource, details=details, at=at)
