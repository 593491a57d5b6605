"""Long, broken and hostile bytes: never held, never raised for, never slow out of proportion."""

from __future__ import annotations

import json
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.calls.tokens import Tokens
from daemon.capture.providers import decoding
from daemon.capture.providers.bounded import HEAD, TAIL, Bounded
from daemon.capture.providers.decoding import PIECE, DecodingError, decoder_of
from daemon.capture.providers.metered import MeteredCall, Outcome
from daemon.capture.providers.sse import EVENT_MAX
from tests.daemon.providers.metering import cut_at, meter_for, metered, metered_document
from tests.daemon.upstreams import encoded
from tests.daemon.upstreams_anthropic import ANTHROPIC_TOKENS, anthropic_message
from tests.daemon.upstreams_gemini import GEMINI_TOKENS, gemini_content
from tests.daemon.upstreams_openai import (
    CHAT_TOKENS,
    CHAT_USAGE,
    RESPONSES_TOKENS,
    chat_chunk,
    chat_chunks,
    chat_completion,
    response,
    response_events,
)
from tests.daemon.upstreams_shapes import compact, data_events

MEGABYTE = 1 << 20
PIECE_SENT = 64 * 1024
GAP = b"@@"


def around(body: bytes) -> tuple[bytes, bytes]:
    before, _, after = body.partition(GAP)
    return before, after


def filled(body: Any, filling: bytes, megabytes: int) -> Iterator[bytes]:
    """`body` with megabytes in the place of its gap, in pieces as a socket gives them."""
    before, after = around(body if isinstance(body, bytes) else compact(body))
    yield before
    piece = (filling * (PIECE_SENT // len(filling) + 1))[:PIECE_SENT]
    for _ in range(megabytes * MEGABYTE // PIECE_SENT):
        yield piece
    yield after


EMBEDDING = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": "@@"}],
    "model": "text-embedding-3-large",
    "usage": {"prompt_tokens": 8, "total_tokens": 8},
}
LONG_ARGUMENTS = {"usage": {"prompt_tokens": 1, "completion_tokens": 1}, "id": "mine", "model": "mine"}
LONG: dict[str, tuple[Callable[..., MeteredCall], dict[str, Any], Any, Tokens]] = {
    "embeddings": (
        metered,
        {"provider": "openai", "path": "/v1/embeddings", "content_type": "application/json"},
        EMBEDDING,
        Tokens(uncached_input=8),
    ),
    "chat": (
        metered,
        {"provider": "openai", "content_type": "application/json"},
        chat_completion(choices=[{"index": 0, "message": {"content": "@@" + json.dumps(LONG_ARGUMENTS)}}]),
        CHAT_TOKENS,
    ),
    "message with a tool's input like a count": (
        metered,
        {"provider": "anthropic", "content_type": "application/json"},
        anthropic_message(content=[{"type": "text", "text": "@@"}, {"type": "tool_use", "input": LONG_ARGUMENTS}]),
        ANTHROPIC_TOKENS,
    ),
    "picture of gemini": (
        metered,
        {"provider": "gemini", "content_type": "application/json"},
        gemini_content("@@"),
        GEMINI_TOKENS,
    ),
    "event of a response": (
        metered,
        {"provider": "openai", "path": "/v1/responses"},
        response_events(output=[{"type": "message", "content": [{"type": "output_text", "text": "@@"}]}])[-1],
        RESPONSES_TOKENS,
    ),
    "object of gemini's array": (
        metered,
        {
            "provider": "gemini",
            "path": "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
            "content_type": "application/json",
        },
        b"[" + compact(gemini_content("@@")) + b"]",
        GEMINI_TOKENS,
    ),
}


@pytest.mark.parametrize("case", LONG)
def test_the_count_of_an_answer_of_a_hundred_megabytes_is_found_without_holding_it(case: str) -> None:
    meter_answer, how, body, tokens = LONG[case]
    pieces = filled(body, b"text ", 100)
    tracemalloc.start()
    try:
        call = meter_answer(pieces=pieces, **how)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (call.tokens, call.usage_source, call.tokens_complete) == (tokens, "provider", True)
    assert call.model in {
        "claude-haiku-4-5-20251001",
        "text-embedding-3-large",
        "gpt-5-mini-2025-08-07",
        "gemini-2.5-flash",
        "gpt-5.1-2025-11-13",
    }
    assert peak < 5 * EVENT_MAX


def test_a_long_answer_that_breaks_off_is_not_taken_for_a_whole_one() -> None:
    nested = chat_completion(choices=[{"message": {"usage": CHAT_USAGE, "content": "@@"}}])
    pieces = list(filled(nested, b"text ", 3))[:-1]
    call = metered("openai", pieces, content_type="application/json", outcome=Outcome.UPSTREAM_FAILED)
    assert (call.status, call.error_class, call.usage_source) == ("error", "network", "absent")


def test_ten_thousand_events_take_ten_times_as_long_as_a_thousand() -> None:
    chunk = data_events(chat_chunk({"content": "word "}))[0]

    def seconds(events: int, size: int) -> float:
        body = chunk * events + b"".join(chat_chunks(CHAT_USAGE))
        meter = meter_for("openai")
        meter.response_started(200, {"content-type": "text/event-stream"})
        started = time.process_time()
        for start in range(0, len(body), size):
            meter.response_bytes(body[start : start + size])
        assert meter.finished(outcome=Outcome.COMPLETE).tokens == CHAT_TOKENS
        return time.process_time() - started

    seconds(1000, 1400)
    assert seconds(10_000, 1400) < 40 * max(seconds(1000, 1400), 0.002)


def test_one_long_event_in_many_pieces_takes_linear_time() -> None:
    body = data_events(chat_chunk({"content": "x" * 2 * MEGABYTE}))[0]
    meter = meter_for("openai")
    meter.response_started(200, {"content-type": "text/event-stream"})
    started = time.process_time()
    for start in range(0, len(body), 16):
        meter.response_bytes(body[start : start + 16])
    meter.finished(outcome=Outcome.COMPLETE)
    assert time.process_time() - started < 5


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_is_undone_in_small_pieces(coding: str) -> None:
    decode = decoder_of(coding)
    bomb = encoded(b"\0" * 64 * MEGABYTE, coding)
    longest = total = 0
    for start in range(0, len(bomb), PIECE_SENT):
        for part in decode(bomb[start : start + PIECE_SENT]):
            longest, total = max(longest, len(part)), total + len(part)
    assert total == 64 * MEGABYTE
    assert longest <= (64 if coding == "zstd" else 2) * max(PIECE, MEGABYTE)


def test_more_than_any_answer_can_be_is_not_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "DECODED_MAX", MEGABYTE)
    call = metered_document("openai", encoded(b" " * 4 * MEGABYTE, "gzip"), headers={"content-encoding": "gzip"})
    assert (call.status, call.usage_source) == ("success", "absent")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_broken_coding_ends_the_reading_and_nothing_else(coding: str) -> None:
    body = compact(chat_completion())
    broken = b"\x01\x02\x03" + encoded(body, coding)
    call = metered_document("openai", broken, headers={"content-encoding": coding})
    assert (call.status, call.tokens_complete) == ("success", False)
    with pytest.raises(DecodingError):
        list(decoder_of(coding)(broken + broken))


@pytest.mark.parametrize("coding", ["compress", "gzip, br", "x" * 5000])
def test_an_unknown_coding_leaves_the_answer_unread(coding: str) -> None:
    call = metered_document("openai", compact(chat_completion()), headers={"content-encoding": coding})
    assert (call.status, call.usage_source, call.tokens_complete) == ("success", "absent", False)


def test_both_things_that_are_called_deflate_and_gzip_of_several_members() -> None:
    body = compact(chat_completion())
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    raw = compressor.compress(body) + compressor.flush()
    members = encoded(body[:100], "gzip") + encoded(body[100:], "gzip") + b"\0" * 8
    for coding, sent in (("deflate", raw), ("gzip", members), ("identity", body)):
        for pieces in ([sent], cut_at(sent, range(1, len(sent)))):
            call = metered("openai", pieces, content_type="application/json", headers={"content-encoding": coding})
            assert call.tokens == CHAT_TOKENS


@given(pieces=st.lists(st.binary(max_size=50), max_size=60), scale=st.integers(1, 30_000))
@settings(max_examples=50)
def test_what_is_kept_of_too_much_does_not_depend_on_its_pieces(pieces: list[bytes], scale: int) -> None:
    whole = b"".join(piece * scale for piece in pieces)
    one, many = Bounded(0), Bounded(0)
    one.append(whole)
    for piece in pieces:
        many.append(piece * scale)
    assert (one.whole(), one.ends(), one.cut) == (many.whole(), many.ends(), many.cut)
    assert one.cut == (len(whole) > HEAD + TAIL)
    assert whole.startswith(one.ends()[0])
    assert whole.endswith(one.ends()[1])
    assert len(many) <= 2 * (HEAD + TAIL)


@pytest.mark.parametrize("deep", [b'{"usage":' * 50_000, b"[" * 200_000, b'{"choices":[' * 20_000])
def test_deep_nesting_is_no_answer_and_no_failure(deep: bytes) -> None:
    for provider in ("anthropic", "openai", "gemini", "xai"):
        assert metered_document(provider, deep).usage_source == "absent"
        assert metered(provider, [b"data: " + deep + b"\n\n"]).usage_source == "absent"


def test_a_response_of_many_items_is_read_to_a_limit() -> None:
    output = [{"type": "message", "content": [{"type": "output_text", "text": "1234"}]}] * 5000
    body = response(output=output) | {"usage": None, "status": "completed"}
    call = metered_document("openai", body, path="/v1/responses", request={"input": "1234"})
    assert 4000 < call.tokens.output <= 5000
