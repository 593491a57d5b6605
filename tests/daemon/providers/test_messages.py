"""Anthropic's counts: additive, cumulative, in parts."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.calls.tokens import Tokens
from tests.daemon.providers.metering import metered, metered_document
from tests.daemon.upstreams_anthropic import ANTHROPIC_USAGE, anthropic_events, anthropic_message
from tests.daemon.upstreams_shapes import named_events


def counted(**usage: Any) -> Tokens:
    return metered_document("anthropic", anthropic_message({"input_tokens": 7, "output_tokens": 3, **usage})).tokens


@pytest.mark.parametrize(
    ("usage", "writes"),
    [
        ({"cache_creation_input_tokens": 30}, (30, 0)),
        ({"cache_creation_input_tokens": 30, "cache_creation": None}, (30, 0)),
        ({"cache_creation_input_tokens": 30, "cache_creation": {"ephemeral_1h_input_tokens": 30}}, (0, 30)),
        ({"cache_creation": {"ephemeral_1h_input_tokens": 20, "ephemeral_5m_input_tokens": 10}}, (10, 20)),
        ({"cache_creation_input_tokens": 5, "cache_creation": {"ephemeral_1h_input_tokens": 20}}, (0, 5)),
        ({"cache_creation_input_tokens": -1, "cache_creation": {"ephemeral_5m_input_tokens": True}}, (0, 0)),
        ({"cache_creation_input_tokens": None, "cache_creation": "many"}, (0, 0)),
    ],
)
def test_cache_writes_are_told_apart_by_their_time(usage: dict[str, Any], writes: tuple[int, int]) -> None:
    tokens = counted(**usage)
    assert (tokens.cache_write_5m, tokens.cache_write_1h) == writes
    assert (tokens.uncached_input, tokens.output) == (7, 3)


def test_what_the_stream_counts_last_is_what_counts() -> None:
    events = anthropic_events()
    start = named_events(
        {"type": "message_start", "message": anthropic_message({"input_tokens": 10, "output_tokens": 4})}
    )
    end = named_events(
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"input_tokens": 900, "cache_read_input_tokens": 50, "output_tokens": 77},
        }
    )
    call = metered("anthropic", [*start, *events[1:-2], *end])
    assert call.tokens == Tokens(uncached_input=900, cache_read=50, output=77)
    assert (call.usage_source, call.tokens_complete, call.stop_reason) == ("provider", True, "end_turn")


def test_an_end_that_counts_output_only_leaves_the_input_of_the_start() -> None:
    end = named_events({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 15}})
    call = metered("anthropic", [*anthropic_events()[:-2], *end])
    assert call.tokens == Tokens(
        uncached_input=2095, cache_read=18210, cache_write_5m=300, cache_write_1h=1000, output=15
    )


def test_an_explicit_zero_is_a_count() -> None:
    call = metered_document(
        "anthropic", anthropic_message({"input_tokens": 0, "output_tokens": 0}), request={"messages": "x"}
    )
    assert (call.tokens, call.usage_source, call.tokens_complete) == (Tokens(), "provider", True)


def test_context_summarised_on_the_way_is_billed_and_counted() -> None:
    iterations = [
        {"type": "compaction", "input_tokens": 1000, "output_tokens": 200, "cache_read_input_tokens": 40},
        {"type": "message", "input_tokens": 7, "output_tokens": 3},
    ]
    assert counted(iterations=iterations) == Tokens(uncached_input=1007, cache_read=40, output=203)


def test_an_adviser_of_another_model_makes_the_count_a_partial_one() -> None:
    adviser = {"type": "advisor_message", "model": "claude-opus-4-5", "input_tokens": 5, "output_tokens": 5}
    usage = {"input_tokens": 7, "output_tokens": 3, "iterations": [adviser]}
    call = metered_document("anthropic", anthropic_message(usage))
    assert (call.tokens, call.tokens_complete) == (Tokens(uncached_input=7, output=3), False)


@pytest.mark.parametrize(
    ("usage", "tier"),
    [
        ({"service_tier": "priority"}, "priority"),
        ({"service_tier": "standard", "speed": "fast"}, "fast"),
        ({"service_tier": "standard", "speed": "standard"}, "standard"),
        ({"service_tier": 5}, None),
        ({}, None),
    ],
)
def test_the_tier_is_the_one_that_served(usage: dict[str, Any], tier: str | None) -> None:
    body = anthropic_message({"input_tokens": 7, "output_tokens": 3, **usage})
    assert metered_document("anthropic", body, request={"service_tier": "auto"}).service_tier == tier


@pytest.mark.parametrize("bad", [-1, True, 1.5, 12.0, "12", None, [], {}, 10**9 + 1, 10**30])
def test_a_count_that_cannot_be_true_is_no_count(bad: Any) -> None:
    usage = ANTHROPIC_USAGE | {"output_tokens": bad}
    call = metered_document("anthropic", anthropic_message(usage), request={"messages": "hello world."})
    assert call.tokens.uncached_input == 2095
    assert call.tokens.output < 100
    assert (call.usage_source, call.tokens_complete, call.status) == ("estimated", False, "success")


def test_the_count_at_the_start_is_not_taken_for_all_of_the_output() -> None:
    end = named_events({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"input_tokens": 2095}})
    call = metered("anthropic", [*anthropic_events()[:-2], *end])
    assert (call.usage_source, call.tokens_complete) == ("estimated", False)
    assert call.tokens.output > 1
