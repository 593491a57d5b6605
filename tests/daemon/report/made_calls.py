"""Calls for tests of reports: plain ones around a noon, and any that could be in a store."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from daemon.calls.call import Call
from daemon.calls.tokens import Tokens
from daemon.clock import DAY, to_micros
from daemon.wire.record import MILLICENTS_MAX, TOKENS_MAX

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
NOON_US = to_micros(NOON)


def made_call(number: int = 1, *, age_us: int = 1, **facts: Any) -> Call:
    """Return a call with an id made from `number`, requested `age_us` before noon."""
    at = NOON_US - age_us
    known: dict[str, Any] = {
        "id": str(uuid.UUID(int=number)),
        "requested_at_us": at,
        "recorded_at_us": at,
        "provider": "anthropic",
        "model": "claude-sonnet-4-5",
        "surface": "messages",
        "source": "proxy",
        "latency_ms": 100.0,
        "tokens": Tokens(uncached_input=10, output=5),
        "cost_millicents": 7,
        "project": "acme-api",
    }
    return Call(**(known | facts))


_NAMES = st.sampled_from(
    ["acme-api", "Acme-API", "", " ", "=1+1", "\x1b[2J", "日本語", "a,b", 'q"', "\u202ex", "\N{ROCKET}"]
)
_COUNTS = st.integers(0, TOKENS_MAX)


@st.composite
def any_call(draw: st.DrawFn) -> Call:
    output = draw(_COUNTS)
    status = draw(st.sampled_from(["success", "success", "error", "blocked_by_policy"]))
    return made_call(
        draw(st.integers(1, 2**128 - 1)),
        age_us=draw(st.integers(-DAY, 70 * DAY)),
        project=draw(_NAMES),
        provider=draw(st.sampled_from(["anthropic", "openai", "gemini", "xai", "\x07", ""])),
        model=draw(_NAMES),
        status=status,
        error_class=draw(st.sampled_from([None, "rate_limit", "aborted"])) if status != "success" else None,
        tokens=Tokens(
            uncached_input=draw(_COUNTS),
            cache_read=draw(_COUNTS),
            cache_write_5m=draw(_COUNTS),
            cache_write_1h=draw(_COUNTS),
            output=output,
            thinking=draw(st.integers(0, output)),
        ),
        tokens_complete=draw(st.booleans()),
        latency_ms=draw(st.floats(0, 1e7)),
        billing_basis=draw(st.sampled_from([None, None, "metered", "", "subscription_imputed", "imported", "later"])),
        cost_millicents=draw(st.none() | st.integers(0, MILLICENTS_MAX)),
    )


def any_calls(*, at_most: int = 25) -> st.SearchStrategy[list[Call]]:
    return st.lists(any_call(), max_size=at_most, unique_by=lambda call: call.id)
