"""OpenAI's two forms, as OpenAI, xAI and Gemini fill them in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.calls.tokens import Tokens, as_reported, from_reported
from daemon.wire.record import TOKENS_MAX
from tests.daemon.providers.metering import metered, metered_document
from tests.daemon.upstreams_openai import (
    CHAT_REQUEST,
    CHAT_USAGE,
    RESPONSES_USAGE,
    chat_chunk,
    chat_chunks,
    chat_completion,
    response,
    response_events,
)
from tests.daemon.upstreams_shapes import data_events

RESPONSES = "/v1/responses"
SMALL = st.integers(0, 100_000)


@given(uncached=SMALL, cached=SMALL, written=SMALL, text=SMALL, thinking=SMALL)
def test_openai_includes_cache_and_reasoning(
    uncached: int, cached: int, written: int, text: int, thinking: int
) -> None:
    usage = {
        "prompt_tokens": uncached + cached + written,
        "completion_tokens": text + thinking,
        "total_tokens": uncached + cached + written + text + thinking,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "completion_tokens_details": {"reasoning_tokens": thinking},
    }
    tokens = metered_document("openai", chat_completion(usage)).tokens
    assert tokens == Tokens(
        uncached_input=uncached, cache_read=cached, cache_write_5m=written, output=text + thinking, thinking=thinking
    )
    assert from_reported("openai", as_reported("openai", tokens)) == tokens


@given(prompt=SMALL, cached=SMALL, text=SMALL, thinking=SMALL, told=st.sampled_from(["total", ""]))
def test_xai_counts_reasoning_apart(prompt: int, cached: int, text: int, thinking: int, told: str) -> None:
    usage: dict[str, Any] = {
        "prompt_tokens": prompt + cached,
        "completion_tokens": text,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": thinking},
    }
    if told:
        usage["total_tokens"] = prompt + cached + text + thinking
    tokens = metered_document("xai", chat_completion(usage)).tokens
    assert tokens == Tokens(uncached_input=prompt, cache_read=cached, output=text + thinking, thinking=thinking)
    assert from_reported("xai", as_reported("xai", tokens)) == tokens


def test_xai_behind_a_relay_that_adds_reasoning_up_is_believed_by_its_total() -> None:
    usage = {
        "prompt_tokens": 686,
        "completion_tokens": 123,
        "total_tokens": 809,
        "prompt_tokens_details": {"cached_tokens": 679},
        "completion_tokens_details": {"reasoning_tokens": 112},
    }
    assert metered_document("xai", chat_completion(usage)).tokens == Tokens(
        uncached_input=7, cache_read=679, output=123, thinking=112
    )


def test_xai_models_that_leave_cached_tokens_out_of_the_input() -> None:
    usage = {
        "input_tokens": 4142,
        "input_tokens_details": {"cached_tokens": 4328},
        "output_tokens": 254,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 8724,
    }
    tokens = metered_document("xai", response(usage), path=RESPONSES).tokens
    assert tokens == Tokens(uncached_input=4142, cache_read=4328, output=254)


def test_gemini_in_openais_form_hides_its_thoughts_in_the_total() -> None:
    usage = {"prompt_tokens": 20, "completion_tokens": 30, "total_tokens": 450}
    call = metered_document("gemini", chat_completion(usage), path="/v1beta/openai/chat/completions")
    assert call.tokens == Tokens(uncached_input=20, output=430, thinking=400)


def test_more_cached_than_asked_is_bent_and_not_negative() -> None:
    usage = CHAT_USAGE | {"prompt_tokens": 10, "total_tokens": 310}
    assert metered_document("openai", chat_completion(usage)).tokens == Tokens(
        cache_read=1920, output=300, thinking=128
    )


@pytest.mark.parametrize("key", ["prompt_tokens", "completion_tokens"])
@pytest.mark.parametrize("bad", [-1, True, 1e3, "9", TOKENS_MAX + 1, None])
def test_unbelievable_counts_are_estimated_instead(key: str, bad: Any) -> None:
    call = metered_document("openai", chat_completion(CHAT_USAGE | {key: bad}), request=CHAT_REQUEST)
    assert (call.usage_source, call.tokens_complete) == ("estimated", False)
    expected = {"prompt_tokens": (9, 300), "completion_tokens": (86 + 1920, 5)}[key]
    assert (call.tokens.total_input, call.tokens.output) == expected


def test_the_answer_decides_the_tier_not_the_request() -> None:
    request = CHAT_REQUEST | {"service_tier": "flex"}
    assert (
        metered_document("openai", chat_completion(service_tier="default"), request=request).service_tier == "default"
    )
    assert metered_document("openai", chat_completion(service_tier=None), request=request).service_tier is None
    assert metered_document("openai", chat_completion(service_tier="auto"), request=request).service_tier is None


def test_every_chunk_may_carry_the_count_and_the_last_one_is_right() -> None:
    growing = [chat_chunk({"content": "ab"}, usage=CHAT_USAGE | {"completion_tokens": said}) for said in (1, 2, 3)]
    chunks = data_events(*growing, chat_chunk({}, "stop", usage=CHAT_USAGE), done=True)
    assert metered("openai", chunks).tokens.output == 300


def test_tool_calls_and_refusals_are_output_when_it_is_estimated() -> None:
    call = {"index": 0, "id": "call_1", "function": {"name": "grep", "arguments": '{"pattern": "x"}'}}
    chunks = [chat_chunk({"tool_calls": [call]}), chat_chunk({"refusal": "No."}), chat_chunk({}, "tool_calls")]
    metered_call = metered("openai", data_events(*chunks, done=True), request=CHAT_REQUEST)
    assert metered_call.tokens.output == -(-(4 + 16 + 3) // 4)
    assert (metered_call.stop_reason, metered_call.usage_source) == ("tool_calls", "estimated")


@pytest.mark.parametrize(
    ("last", "changes", "expected"),
    [
        ("response.completed", {}, ("success", "completed", None, None)),
        (
            "response.incomplete",
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            ("success", "max_output_tokens", None, None),
        ),
        (
            "response.failed",
            {"status": "failed", "error": {"code": "server_error", "message": "The model failed."}},
            ("error", "failed", "server_error", "server_error"),
        ),
        (
            "response.failed",
            {"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "Slow down."}},
            ("error", "failed", "rate_limit", "rate_limit_exceeded"),
        ),
    ],
)
@pytest.mark.parametrize("how", ["stream", "document"])
def test_a_response_ends_in_one_of_three_ways_and_is_counted_in_all(
    last: str, changes: dict[str, Any], expected: tuple[str | None, ...], how: str
) -> None:
    if how == "stream":
        call = metered("openai", response_events(last, **changes), path=RESPONSES)
    else:
        call = metered_document("openai", response(**changes), path=RESPONSES)
    assert (call.status, call.stop_reason, call.error_class, call.provider_error_code) == expected
    assert (call.tokens.output, call.usage_source, call.tokens_complete) == (700, "provider", True)


def test_a_response_in_the_background_has_no_count_yet() -> None:
    body = response(status="queued", background=True, output=[]) | {"usage": None}
    call = metered_document("openai", body, path=RESPONSES, request={"model": "gpt-5.1", "input": "12345678"})
    assert call.tokens == Tokens(uncached_input=2)
    assert (call.status, call.usage_source, call.tokens_complete) == ("success", "estimated", False)


def test_a_compaction_is_a_response_without_a_status() -> None:
    body = {"id": "resp_1", "object": "response.compaction", "output": [], "usage": RESPONSES_USAGE}
    call = metered_document("openai", body, path="/v1/responses/compact", request={"model": "gpt-5.1"})
    assert (call.model, call.tokens.output, call.tokens_complete) == ("gpt-5.1", 700, True)


def test_an_error_in_the_middle_of_a_chat_stream_fails_the_call() -> None:
    error = {"error": {"message": "The server had an error.", "type": "server_error", "param": None, "code": None}}
    call = metered("openai", [*chat_chunks(None)[:2], *data_events(error)], request=CHAT_REQUEST)
    assert (call.status, call.error_class, call.provider_error_code, call.retryable) == (
        "error",
        "server_error",
        "server_error",
        True,
    )
    assert (call.http_status, call.usage_source, call.tokens.output) == (200, "estimated", 2)


def test_an_error_event_of_a_response_stream_fails_the_call() -> None:
    error = {
        "type": "error",
        "code": "rate_limit_exceeded",
        "message": "Slow down.",
        "param": None,
        "sequence_number": 5,
    }
    call = metered("openai", [*response_events()[:5], *data_events(error)], path=RESPONSES)
    assert (call.status, call.error_class, call.provider_error_code) == ("error", "rate_limit", "rate_limit_exceeded")


def test_embeddings_of_token_numbers_are_counted_as_such_without_a_count() -> None:
    body = {"object": "list", "data": [], "model": "text-embedding-3-small"}
    request = {"model": "text-embedding-3-small", "input": [[1, 2, 3], [4]]}
    call = metered_document("openai", body, path="/v1/embeddings", request=request)
    assert (call.tokens, call.usage_source) == (Tokens(uncached_input=4), "estimated")


def test_xai_includes_reasoning_in_its_responses() -> None:
    usage = {"input_tokens": 10, "output_tokens": 241, "output_tokens_details": {"reasoning_tokens": 204}}
    tokens = metered_document("xai", response(usage), path=RESPONSES).tokens
    assert tokens == Tokens(uncached_input=10, output=241, thinking=204)
