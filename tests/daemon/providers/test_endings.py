"""How a call ends, and when: aborted, broken off, closed at its last word."""

from __future__ import annotations

import pytest

from daemon.calls.tokens import Tokens
from daemon.capture.providers.metered import Outcome
from tests.daemon.providers.metering import Seconds, meter_for, metered
from tests.daemon.upstreams_anthropic import ANTHROPIC_REQUEST, ANTHROPIC_TOKENS, anthropic_events
from tests.daemon.upstreams_openai import (
    CHAT_REQUEST,
    CHAT_TOKENS,
    CHAT_USAGE,
    chat_chunk,
    chat_chunks,
    chat_completion,
    response_events,
)
from tests.daemon.upstreams_samples import SAMPLES
from tests.daemon.upstreams_shapes import JSON, compact, data_events

STREAMS = [sample for sample in SAMPLES.values() if sample.streamed]


@pytest.mark.parametrize("outcome", [Outcome.CLIENT_ABORTED, Outcome.UPSTREAM_FAILED, Outcome.TIMEOUT])
@pytest.mark.parametrize(
    "sample", [sample for sample in STREAMS if sample.provider != "gemini"], ids=lambda sample: sample.name
)
def test_a_connection_that_ends_after_the_last_word_is_a_whole_call(sample, outcome: Outcome) -> None:
    call = metered(sample.provider, sample.pieces, path=sample.path, request=sample.request, outcome=outcome)
    assert (call.status, call.error_class, call.tokens) == ("success", None, sample.tokens)
    assert call.tokens_complete == (sample.usage_source == "provider")


def test_a_caller_that_leaves_after_the_finish_and_before_the_last_word_has_had_all() -> None:
    pieces = chat_chunks(CHAT_USAGE)[:-1]
    call = metered("openai", pieces, request=CHAT_REQUEST, outcome=Outcome.CLIENT_ABORTED)
    assert (call.status, call.tokens, call.tokens_complete) == ("success", CHAT_TOKENS, True)
    call = metered("openai", pieces, request=CHAT_REQUEST, outcome=Outcome.UPSTREAM_FAILED)
    assert (call.status, call.error_class, call.tokens, call.tokens_complete) == ("error", "network", CHAT_TOKENS, True)


def test_one_of_two_alternatives_is_not_all() -> None:
    chunk = chat_chunk({"content": "one"}, "stop")
    call = metered("openai", data_events(chunk), request=CHAT_REQUEST | {"n": 2}, outcome=Outcome.CLIENT_ABORTED)
    assert (call.status, call.error_class) == ("error", "aborted")


@pytest.mark.parametrize("many", range(1, 14))
@pytest.mark.parametrize(
    ("outcome", "error_class"),
    [(Outcome.CLIENT_ABORTED, "aborted"), (Outcome.UPSTREAM_FAILED, "network"), (Outcome.TIMEOUT, "timeout")],
)
def test_a_call_whose_stream_breaks_is_kept_with_what_was_counted(
    many: int, outcome: Outcome, error_class: str
) -> None:
    call = metered("anthropic", anthropic_events()[:many], request=ANTHROPIC_REQUEST, outcome=outcome)
    assert (call.status, call.error_class, call.http_status) == ("error", error_class, 200)
    assert (call.usage_source, call.tokens_complete) == ("estimated", False)
    counted = call.tokens
    assert (counted.uncached_input, counted.cache_read, counted.cache_write) == (2095, 18210, 1300)
    assert 1 <= counted.output <= 30
    assert call.model == "claude-haiku-4-5-20251001"


def test_estimates_grow_with_the_text_that_came() -> None:
    outputs = [
        metered("openai", chat_chunks(None)[:many], request=CHAT_REQUEST, outcome=Outcome.CLIENT_ABORTED).tokens.output
        for many in range(1, 4)
    ]
    assert outputs == [0, 2, 5]


def test_an_answer_in_one_piece_that_breaks_off_is_estimated() -> None:
    body = compact(chat_completion())
    call = metered("openai", [body[:-30]], content_type=JSON, request=CHAT_REQUEST, outcome=Outcome.UPSTREAM_FAILED)
    assert (call.status, call.error_class, call.usage_source) == ("error", "network", "estimated")
    assert call.tokens == Tokens(uncached_input=9)


def test_a_stream_that_ends_in_good_order_without_its_last_word_is_a_partial_count() -> None:
    call = metered("anthropic", anthropic_events()[:8], request=ANTHROPIC_REQUEST)
    assert (call.status, call.tokens_complete, call.usage_source) == ("success", False, "estimated")


def test_the_count_of_a_stream_is_whole_at_its_stop_reason() -> None:
    call = metered("anthropic", anthropic_events()[:-1], request=ANTHROPIC_REQUEST, outcome=Outcome.CLIENT_ABORTED)
    assert (call.status, call.tokens, call.tokens_complete) == ("success", ANTHROPIC_TOKENS, True)


@pytest.mark.parametrize(
    ("provider", "path", "pieces", "first"),
    [
        ("anthropic", None, anthropic_events(), 3),
        ("openai", None, chat_chunks(CHAT_USAGE), 1),
        ("openai", "/v1/responses", response_events(), 4),
    ],
)
def test_the_first_token_is_the_first_content_not_the_first_byte(
    provider: str, path: str | None, pieces: tuple[bytes, ...], first: int
) -> None:
    seconds = Seconds(step=0)
    meter = meter_for(provider, path, seconds)
    meter.response_started(200, {"content-type": "text/event-stream"})
    for number, piece in enumerate(pieces):
        seconds.at = 101.0 + number
        meter.response_bytes(piece)
    call = meter.finished(outcome=Outcome.COMPLETE, at=150.5)
    assert (call.time_to_first_token_ms, call.latency_ms) == (1000 * (1 + first), 50_500.0)


def test_the_first_end_is_the_one_that_counts() -> None:
    meter = meter_for("openai")
    meter.request({}, compact(CHAT_REQUEST))
    meter.response_started(103, {})
    meter.response_started(200, {"content-type": JSON})
    meter.response_bytes(compact(chat_completion()))
    meter.response_bytes(b"")
    call = meter.finished(outcome=Outcome.COMPLETE)
    meter.response_bytes(b"late")
    assert meter.finished(outcome=Outcome.CLIENT_ABORTED) is call
    assert (call.http_status, call.status) == (200, "success")


def test_a_clock_that_goes_back_gives_no_negative_time() -> None:
    seconds = Seconds()
    meter = meter_for("openai", monotonic=seconds)
    meter.response_started(200, {})
    seconds.at -= 1000
    meter.response_bytes(b"{}")
    call = meter.finished(outcome=Outcome.COMPLETE)
    assert (call.latency_ms, call.time_to_first_token_ms) == (0.0, 0)


def test_bytes_that_are_read_late_came_before_the_end_all_the_same() -> None:
    meter = meter_for("openai", monotonic=Seconds())
    meter.request({}, compact(CHAT_REQUEST))
    meter.response_started(200, {"content-type": JSON})
    meter.response_bytes(compact(chat_completion()))
    call = meter.finished(outcome=Outcome.COMPLETE, at=100.25 + 0.05)
    assert (call.latency_ms, call.time_to_first_token_ms) == (50.0, 50)
