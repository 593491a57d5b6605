"""Money of captured rows: what is not known is none, what is known is exact, and what a plan covers says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from daemon.attribution.caller import NOBODY, Caller
from daemon.bodies.content import Leg
from daemon.calls.call import Call
from daemon.calls.tokens import Tokens
from daemon.capture.providers.metered import MeteredCall
from daemon.clock import to_micros
from daemon.prices.book import PriceBook
from daemon.service.rows import RowMaker

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
METERED = MeteredCall(
    requested_at_us=to_micros(NOON),
    provider="anthropic",
    model="claude-opus-5",
    surface="messages",
    request_kind="chat",
    streamed=True,
    tokens=Tokens(uncached_input=1_000, output=1_000),
    usage_source="provider",
    tokens_complete=True,
    service_tier="standard",
    stop_reason=None,
    status="success",
    http_status=200,
    error_class=None,
    provider_error_code=None,
    retryable=None,
    latency_ms=1.0,
    time_to_first_token_ms=None,
    provider_request_id=None,
    answer_id=None,
    prompt_hash=None,
    idempotency_key=None,
)
UNTOLD = {"tokens": Tokens(), "usage_source": "absent"}


class StoppedClock:
    def now(self) -> datetime:
        return NOON


class OneCall(NamedTuple):
    metered: MeteredCall
    caller: Caller = NOBODY
    project_header: str | None = None
    source: str = "proxy"
    bodies: tuple[Leg, ...] = ()


def row(**changes: object) -> Call:
    maker = RowMaker(PriceBook.bundled, clock=StoppedClock(), hostname="laptop")
    return maker.call_of(OneCall(replace(METERED, **changes)))


@pytest.mark.parametrize(
    ("changes", "millicents"),
    [
        ({}, 3_000),
        ({"service_tier": "fast"}, 6_000),
        ({"service_tier": "fast", "model": "claude-opus-4-6"}, None),
        ({"usage_source": "estimated", "tokens_complete": False}, 3_000),
        (UNTOLD | {"tokens_complete": True}, 0),
        (UNTOLD | {"tokens_complete": False}, None),
    ],
)
def test_a_cost_is_known_or_none(changes: dict[str, object], millicents: int | None) -> None:
    call = row(**changes)
    assert call.cost_millicents == millicents
    assert (call.price_source is None) == (millicents is None)


@pytest.mark.parametrize("basis", [None, "subscription_imputed"])
def test_a_row_says_which_money_it_is(basis: str | None) -> None:
    call = row(billing_basis=basis)
    assert (call.billing_basis, call.cost_millicents) == (basis, 3_000)
