"""Billing providers: the port, and the two sides of it there are.

Belongs here: turning a provider's own event into ours. Does not belong here: what it changes (`provider_events`),
signatures (`signatures`).

    Provider            reads an event of its own; says whether plan and seats are chosen here
    |- ManualProvider   nobody bills: an Owner or the operator sets the plan, and no event comes
    `- EventProvider    events as Clerk and others send them: {"type", "timestamp", "data": {…}}

What `data` of a `subscription.*` event may say, everything else in it is ignored: `workspace_id` (or `metadata.
workspace_id`, or a customer known from an earlier event), `customer_id` (or `payer.organization_id`), `plan` (or
`plan.slug`), `extra_seats`, `contract_seats`, `period_start`, `period_end`, `canceled_at`, `ends_at`. Instants are
milliseconds since 1970. `payment_method.*` events say `payment_method`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol, cast

import msgspec

from api.access.text import clipped
from api.billing.prices import Billing
from api.billing.pro_rata import Period
from api.db.models import Plan
from api.errors import Refused, invalid
from api.plans import SEATS_MAX

_EARLIEST_MS: Final = 1_577_836_800_000  # 2020
_LATEST_MS: Final = 4_102_444_800_000  # 2100
_US_PER_MS: Final = 1_000
_CANCELLED: Final = frozenset({"subscription.canceled", "subscription.cancelled"})
_RUNNING: Final = frozenset({"subscription.created", "subscription.updated", "subscription.active"})
"""These tell all of a subscription's state: one that names no cancellation has none. Others, such as one whose payment
is late, say nothing about it."""


class Effect(StrEnum):
    """What an event is about."""

    SUBSCRIPTION = "subscription"
    PAYMENT_METHOD = "payment_method"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class BillingEvent:
    """Something a provider tells; what it does not say is None and stays as it is.

    Attributes:
        kind: the provider's own word.
        occurred_at_us: when it happened there.
        workspace_id: whose, as the provider was told when the customer was made.
        customer_ref: who that is at the provider.
        cancels_at_us: when it ends for good.
        resumed: True when it explicitly does not end any more.
    """

    kind: str
    effect: Effect
    occurred_at_us: int
    workspace_id: str | None = None
    customer_ref: str | None = None
    plan: Plan | None = None
    extra_seats: int | None = None
    contract_seats: int | None = None
    period: Period | None = None
    cancels_at_us: int | None = None
    resumed: bool = False
    payment_method: str | None = None


class Provider(Protocol):
    """Whoever bills."""

    @property
    def name(self) -> str:
        """What its webhooks come under."""
        ...

    def read(self, body: bytes) -> BillingEvent:
        """Return what a genuine body says.

        Raises:
            Refused: 404 this provider sends no events; 400 or 422 the body is not one.
        """
        ...


@dataclass(frozen=True, slots=True)
class ManualProvider:
    """Nobody bills."""

    name: str = "manual"

    def read(self, body: bytes) -> BillingEvent:  # noqa: ARG002 - the port's signature
        """Refuse: nobody sends events."""
        raise _no_such_provider()


@dataclass(frozen=True, slots=True)
class EventProvider:
    """Events in the common envelope."""

    name: str

    def read(self, body: bytes) -> BillingEvent:
        """Return what a body says; a kind that means nothing to us has no effect."""
        try:
            said: Any = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Refused(400, "invalid_json", "The body is not valid JSON.") from None
        envelope = _mapping(said)
        kind, data = envelope.get("type"), _mapping(envelope.get("data"))
        occurred_at_us = _instant(envelope.get("timestamp"))
        if not isinstance(kind, str) or not kind or occurred_at_us is None:
            raise invalid("An event has a type, a timestamp in milliseconds and data.")
        kind = clipped(kind, 64)
        if kind.startswith("subscription."):
            return _subscription(kind, occurred_at_us, data)
        if kind.startswith("payment_method."):
            method = data.get("payment_method")
            words = clipped(method, 64) if isinstance(method, str) else None
            effect = Effect.PAYMENT_METHOD if words else Effect.NONE
            return BillingEvent(kind, effect, occurred_at_us, *_whose(data), payment_method=words)
        return BillingEvent(kind, Effect.NONE, occurred_at_us, *_whose(data))


def provider_of(billing: Billing, name: str) -> Provider:
    """Return the configured provider, if that is its name and its secrets are known.

    Raises:
        Refused: 404 `provider_not_found`.
    """
    configured: Provider = ManualProvider() if billing.self_service else EventProvider(billing.provider)
    if configured.name != name or not billing.secrets:
        raise _no_such_provider()
    return configured


def _no_such_provider() -> Refused:
    return Refused(404, "provider_not_found", "No such billing provider.")


def _subscription(kind: str, occurred_at_us: int, data: Mapping[str, Any]) -> BillingEvent:
    starts, ends = _instant(data.get("period_start")), _instant(data.get("period_end"))
    period = Period(starts, ends) if starts is not None and ends is not None and starts < ends else None
    ended = kind == "subscription.ended"
    cancelled = ended or kind in _CANCELLED or data.get("canceled_at") is not None
    last = occurred_at_us if ended or ends is None else ends
    cancels_at_us = (_instant(data.get("ends_at")) or last) if cancelled else None
    return BillingEvent(
        kind,
        Effect.SUBSCRIPTION,
        occurred_at_us,
        *_whose(data),
        plan=_plan(data.get("plan")),
        extra_seats=_count(data.get("extra_seats"), 0),
        contract_seats=_count(data.get("contract_seats"), 1),
        period=period,
        cancels_at_us=cancels_at_us,
        resumed=not cancelled and kind in _RUNNING,
    )


def _whose(data: Mapping[str, Any]) -> tuple[str | None, str | None]:
    workspace = data.get("workspace_id") or _mapping(data.get("metadata")).get("workspace_id")
    customer = data.get("customer_id") or _mapping(data.get("payer")).get("organization_id")
    return _reference(workspace), _reference(customer)


def _reference(value: object) -> str | None:
    usable = isinstance(value, str) and 1 <= len(value) <= 255 and value.isascii() and value.isprintable()  # noqa: PLR2004
    return str(value) if usable else None


def _plan(value: object) -> Plan | None:
    word = _mapping(value).get("slug", value)
    if word is None:
        return None
    try:
        return Plan(cast("str", word))
    except ValueError:
        raise invalid("The event names a plan that is not one of ours.") from None


def _count(value: object, least: int) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= SEATS_MAX:
        raise invalid("The event's number of seats is not usable.")
    return value


def _instant(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool) or not _EARLIEST_MS <= value <= _LATEST_MS:
        return None
    return value * _US_PER_MS


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}
