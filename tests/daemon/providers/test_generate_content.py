"""Gemini's counts, ends and tiers."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.calls.tokens import Tokens, as_reported, from_reported
from daemon.capture.providers.metered import Outcome
from tests.daemon.providers.metering import metered, metered_document
from tests.daemon.upstreams_gemini import GEMINI_REQUEST, GEMINI_USAGE, gemini_array, gemini_content, gemini_parts
from tests.daemon.upstreams_shapes import JSON, compact, data_events

STREAM = "/v1beta/models/gemini-2.5-flash:streamGenerateContent"


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"promptTokenCount": 5, "candidatesTokenCount": 7}, Tokens(uncached_input=5, output=7)),
        ({"promptTokenCount": 5}, Tokens(uncached_input=5)),
        ({"promptTokenCount": 0}, Tokens()),
        ({"promptTokenCount": 5, "thoughtsTokenCount": 9}, Tokens(uncached_input=5, output=9, thinking=9)),
        ({"promptTokenCount": 5, "cachedContentTokenCount": 50}, Tokens(cache_read=5)),
        ({"promptTokenCount": 5, "toolUsePromptTokenCount": 3}, Tokens(uncached_input=8)),
    ],
)
def test_what_is_left_out_is_zero(usage: dict[str, Any], tokens: Tokens) -> None:
    call = metered_document("gemini", gemini_content(usage=usage))
    assert (call.tokens, call.usage_source, call.tokens_complete) == (tokens, "provider", True)
    assert from_reported("gemini", as_reported("gemini", tokens)) == tokens


@pytest.mark.parametrize("key", ["promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount"])
@pytest.mark.parametrize("bad", [-1, True, 3.0, "3", 10**10])
def test_what_is_there_and_cannot_be_true_is_not_zero(key: str, bad: Any) -> None:
    call = metered_document("gemini", gemini_content(usage=GEMINI_USAGE | {key: bad}), request=GEMINI_REQUEST)
    assert (call.usage_source, call.tokens_complete) == ("estimated", False)


@pytest.mark.parametrize(
    ("headers", "usage", "tier"),
    [
        ({"x-gemini-service-tier": "priority"}, {}, "priority"),
        ({"x-gemini-service-tier": "standard"}, {"serviceTier": "FLEX"}, "flex"),
        ({}, {"trafficType": "ON_DEMAND_PRIORITY"}, "priority"),
        ({}, {"trafficType": "ON_DEMAND"}, "standard"),
        ({}, {"trafficType": "TRAFFIC_TYPE_UNSPECIFIED"}, None),
        ({}, {}, None),
    ],
)
def test_the_tier_that_served_is_in_the_header_or_the_count(
    headers: dict[str, str], usage: dict[str, str], tier: str | None
) -> None:
    body = gemini_content(usage=GEMINI_USAGE | usage)
    assert metered_document("gemini", body, headers=headers).service_tier == tier


def test_a_blocked_prompt_is_answered_and_says_why() -> None:
    body = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}}
    call = metered_document("gemini", body)
    assert (call.status, call.stop_reason, call.tokens) == ("success", "SAFETY", Tokens(uncached_input=4))
    assert call.model == "gemini-2.5-flash"


def test_a_stream_that_breaks_off_keeps_the_last_count_as_a_partial_one() -> None:
    call = metered(
        "gemini", data_events(*gemini_parts()[:2]), path=STREAM, request=GEMINI_REQUEST, outcome=Outcome.UPSTREAM_FAILED
    )
    assert (call.status, call.error_class) == ("error", "network")
    assert (call.tokens.output, call.usage_source, call.tokens_complete) == (748, "provider", False)


@pytest.mark.parametrize("streamed_as", ["events", "array"])
def test_an_error_in_the_middle_of_a_stream_fails_the_call(streamed_as: str) -> None:
    error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    if streamed_as == "events":
        call = metered("gemini", data_events(gemini_parts()[0], error), path=STREAM)
    else:
        pieces = [gemini_array()[0], b",\r\n" + compact(error) + b"]"]
        call = metered("gemini", pieces, path=STREAM, content_type=JSON)
    assert (call.status, call.error_class, call.provider_error_code, call.retryable) == (
        "error",
        "server_error",
        "UNAVAILABLE",
        True,
    )


def test_quotes_and_brackets_in_the_text_do_not_cut_the_array() -> None:
    hard = gemini_content('\\"}]{[ \\\\" " ü', GEMINI_USAGE, "STOP")
    body = b"[" + compact(gemini_content("{", {}, None)) + b",\n" + compact(hard) + b"]"
    for step in (1, 2, 3, 5, 1000):
        pieces = [body[start : start + step] for start in range(0, len(body), step)]
        call = metered("gemini", pieces, path=STREAM, content_type=JSON)
        assert (call.tokens.output, call.stop_reason, call.streamed) == (763, "STOP", True)


def test_function_calls_count_as_output_when_it_is_estimated() -> None:
    parts = [{"functionCall": {"name": "grep", "args": {"pattern": "12345678", "limit": 5}}}]
    body = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}
    call = metered_document("gemini", body, request=GEMINI_REQUEST)
    assert (call.tokens, call.usage_source) == (Tokens(uncached_input=9, output=3), "estimated")
