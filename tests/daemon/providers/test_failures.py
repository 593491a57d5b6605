"""Refusals: one class of error from statuses and the providers' own words."""

from __future__ import annotations

import pytest

from daemon.calls.tokens import Tokens
from daemon.capture.providers.metered import MeteredCall, Outcome
from tests.daemon.providers.metering import meter_for, metered, metered_document
from tests.daemon.upstreams_anthropic import anthropic_events
from tests.daemon.upstreams_errors import (
    ANTHROPIC_OVERLOADED_EVENT,
    ANTHROPIC_RATE_LIMIT,
    GEMINI_BAD_KEY,
    GEMINI_EXHAUSTED,
    OPENAI_BAD_KEY,
    OPENAI_QUOTA,
    XAI_BAD_REQUEST,
)


@pytest.mark.parametrize(
    ("provider", "status", "body", "error_class", "code", "retryable"),
    [
        ("anthropic", 429, ANTHROPIC_RATE_LIMIT, "rate_limit", "rate_limit_error", True),
        (
            "anthropic",
            529,
            b'{"type":"error","error":{"type":"overloaded_error"}}',
            "server_error",
            "overloaded_error",
            True,
        ),
        ("anthropic", 413, b'{"error":{"type":"request_too_large"}}', "bad_request", "request_too_large", False),
        ("openai", 429, OPENAI_QUOTA, "rate_limit", "insufficient_quota", False),
        ("openai", 401, OPENAI_BAD_KEY, "auth", "invalid_api_key", False),
        (
            "openai",
            400,
            b'{"error":{"code":null,"type":"invalid_request_error"}}',
            "bad_request",
            "invalid_request_error",
            False,
        ),
        ("gemini", 429, GEMINI_EXHAUSTED, "rate_limit", "RESOURCE_EXHAUSTED", True),
        ("gemini", 429, b"[" + GEMINI_EXHAUSTED + b"]", "rate_limit", "RESOURCE_EXHAUSTED", True),
        ("gemini", 400, GEMINI_BAD_KEY, "auth", "INVALID_ARGUMENT", False),
        ("gemini", 504, b'{"error":{"status":"DEADLINE_EXCEEDED"}}', "timeout", "DEADLINE_EXCEEDED", True),
        ("xai", 400, XAI_BAD_REQUEST, "bad_request", "Client specified an invalid argument", False),
        ("openai", 502, b"<html>Bad gateway</html>", "server_error", None, True),
        ("openai", 403, b"", "auth", None, False),
        ("openai", 404, b"null", "bad_request", None, False),
        ("openai", 408, b"{", "timeout", None, True),
        ("openai", 409, b"[]", "bad_request", None, True),
        ("openai", 422, b'{"error": {"code": 12, "type": ["x"]}}', "bad_request", None, False),
        ("openai", 307, b"", "unknown", None, False),
    ],
)
def test_a_refusal_is_classed_and_uses_nothing(
    provider: str, status: int, body: bytes, error_class: str, code: str | None, retryable: object
) -> None:
    call = metered_document(provider, body, status=status, request={"model": "m", "messages": "text"})
    assert (call.status, call.http_status, call.error_class) == ("error", status, error_class)
    assert (call.provider_error_code, call.retryable) == (code, retryable)
    assert (call.tokens, call.usage_source, call.tokens_complete) == (Tokens(), "absent", True)
    assert (call.time_to_first_token_ms, call.streamed) == (None, False)
    assert call.model == ("gemini-2.5-flash" if provider == "gemini" else "m")


@pytest.mark.parametrize(("said", "retryable"), [("true", True), ("false", False), ("maybe", True)])
def test_a_provider_may_say_itself_whether_to_try_again(said: str, retryable: object) -> None:
    call = metered_document("openai", b"{}", status=500, headers={"X-Should-Retry": said})
    assert call.retryable == retryable


def test_an_error_event_after_a_good_status_fails_the_call_and_keeps_what_was_counted() -> None:
    pieces = [*anthropic_events()[:9], ANTHROPIC_OVERLOADED_EVENT]
    call = metered("anthropic", pieces, request={"messages": "x"})
    assert (call.status, call.http_status, call.error_class) == ("error", 200, "server_error")
    assert (call.provider_error_code, call.retryable) == ("overloaded_error", True)
    assert (call.tokens.uncached_input, call.tokens.cache_read, call.tokens.cache_write_1h) == (2095, 18210, 1000)
    assert (call.usage_source, call.tokens_complete) == ("estimated", False)
    assert call.time_to_first_token_ms is not None


@pytest.mark.parametrize("provider", ["anthropic", "openai", "gemini", "xai"])
def test_an_error_in_one_piece_after_a_good_status_fails_the_call(provider: str) -> None:
    body = {"type": "error", "error": {"type": "permission_error", "message": "no"}}
    call = metered_document(provider, body, request={"messages": "x"})
    assert (call.status, call.error_class, call.provider_error_code) == ("error", "auth", "permission_error")


@pytest.mark.parametrize("word", ["\x1b[31mred", "a" * 5000, "\u202eevil", "x\x00y"])
def test_words_are_kept_short_and_printable(word: str) -> None:
    call = metered_document("openai", {"error": {"code": word}}, status=400)
    assert call.provider_error_code is not None
    assert call.provider_error_code.isprintable()
    assert len(call.provider_error_code) <= 255


@pytest.mark.parametrize(
    ("outcome", "error_class", "retryable", "source", "output"),
    [
        (Outcome.CLIENT_ABORTED, "aborted", False, "estimated", 0),
        (Outcome.TIMEOUT, "timeout", True, "estimated", 0),
        (Outcome.UPSTREAM_FAILED, "network", True, "absent", 0),
        (Outcome.COMPLETE, "network", True, "absent", 0),
    ],
)
def test_no_answer_at_all(outcome: Outcome, error_class: str, retryable: object, source: str, output: int) -> None:
    call = _without_answer(outcome, b'{"model":"gpt-5","stream":true,"messages":"12345678"}')
    assert (call.status, call.http_status, call.error_class, call.retryable) == ("error", None, error_class, retryable)
    assert (call.usage_source, call.tokens_complete, call.tokens.output) == (source, False, output)
    assert call.tokens.uncached_input == (2 if source == "estimated" else 0)
    assert (call.model, call.streamed, call.time_to_first_token_ms) == ("gpt-5", True, None)


def test_a_request_that_never_came_whole_is_not_guessed_at() -> None:
    call = _without_answer(Outcome.CLIENT_ABORTED, b'{"model":"gpt-5","messages":"1234')
    assert (call.usage_source, call.tokens, call.model, call.prompt_hash) == ("absent", Tokens(), "unknown", None)


def _without_answer(outcome: Outcome, request: bytes) -> MeteredCall:
    meter = meter_for("openai")
    meter.request({}, request)
    return meter.finished(outcome=outcome)
