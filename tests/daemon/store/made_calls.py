"""Calls for tests of the store: plain ones, and any that a row could be asked to hold."""

from __future__ import annotations

import uuid
from typing import Any

from hypothesis import strategies as st

from daemon.calls.call import Call
from daemon.calls.tokens import Tokens
from daemon.clock import DAY, parse_instant, to_micros
from daemon.wire.batch import Quarantined, Receipt, Withheld
from daemon.wire.record import MILLICENTS_MAX, TOKENS_MAX

NOON_US = to_micros(parse_instant("2026-07-01T12:00:00Z"))
"""Where the clock of these tests stands."""


def made_call(number: int, *, age_us: int = 0, **facts: Any) -> Call:
    """Return a call with an id made from `number`, requested and recorded `age_us` before the clock's noon."""
    at = NOON_US - age_us
    known: dict[str, Any] = {
        "id": str(uuid.UUID(int=number)),
        "requested_at_us": at,
        "recorded_at_us": at,
        "provider": "anthropic",
        "model": "claude-sonnet-4-5",
        "surface": "messages",
        "source": "proxy",
        "tokens": Tokens(uncached_input=10, output=5),
        "cost_millicents": 7,
        "project": "acme-api",
    }
    return Call(**(known | facts))


def made_calls(count: int, **facts: Any) -> list[Call]:
    """Return calls numbered from 1, each a microsecond younger than the one before."""
    return [made_call(number, age_us=1000 - number, **facts) for number in range(1, count + 1)]


def receipt(
    batch_id: str, rows: int, *, quarantined: tuple[Quarantined, ...] = (), withheld: tuple[Withheld, ...] = ()
) -> Receipt:
    """Return a receipt that accepts all rows but those set aside."""
    return Receipt(
        batch_id=batch_id,
        received=rows,
        accepted=rows - len(quarantined),
        duplicates=0,
        withheld=list(withheld),
        quarantined=list(quarantined),
    )


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_MAYBE = st.one_of(st.none(), _TEXTS)
_COUNTS = st.integers(0, TOKENS_MAX)


@st.composite
def any_calls(draw: st.DrawFn) -> Call:
    """Draw any call that a row holds as it is."""
    output = draw(_COUNTS)
    return Call(
        id=str(draw(st.uuids())),
        requested_at_us=draw(st.integers(0, 100_000 * DAY)),
        recorded_at_us=draw(st.integers(0, 100_000 * DAY)),
        provider=draw(_TEXTS),
        model=draw(_TEXTS),
        surface=draw(_TEXTS),
        request_kind=draw(_TEXTS),
        source=draw(_TEXTS),
        streamed=draw(st.booleans()),
        tokens=Tokens(
            uncached_input=draw(_COUNTS),
            cache_read=draw(_COUNTS),
            cache_write_5m=draw(_COUNTS),
            cache_write_1h=draw(_COUNTS),
            output=output,
            thinking=draw(st.integers(0, output)),
        ),
        usage_source=draw(_TEXTS),
        tokens_complete=draw(st.booleans()),
        service_tier=draw(_MAYBE),
        stop_reason=draw(_MAYBE),
        status=draw(_TEXTS),
        http_status=draw(st.one_of(st.none(), st.integers(0, 999))),
        error_class=draw(_MAYBE),
        provider_error_code=draw(_MAYBE),
        retryable=draw(st.one_of(st.none(), st.booleans())),
        latency_ms=draw(st.floats(0, 1e12)),
        time_to_first_token_ms=draw(st.one_of(st.none(), st.integers(0, 2**60))),
        provider_request_id=draw(_MAYBE),
        prompt_hash=draw(_MAYBE),
        idempotency_key=draw(_MAYBE),
        billing_basis=draw(_MAYBE),
        cost_millicents=draw(st.one_of(st.none(), st.integers(0, MILLICENTS_MAX))),
        price_source=draw(_MAYBE),
        project=draw(_TEXTS),
        attribution_method=draw(_TEXTS),
        source_workdir=draw(_MAYBE),
        source_machine=draw(_MAYBE),
    )
