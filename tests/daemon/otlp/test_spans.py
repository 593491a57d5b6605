"""Spans as calls: both encodings, old and new conventions, hostile requests."""

from __future__ import annotations

import gzip
import json
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from daemon.calls.call import Call
from daemon.calls.tokens import Tokens
from daemon.otlp.spans import BODY_MAX, UnreadableRequest, answer_of, calls_of
from tests.daemon.otlp.requests import CHAT, START_NS, as_json, as_protobuf, span

JSON, PROTOBUF = "application/json", "application/x-protobuf"


def one(attributes: dict[str, Any], resource: dict[str, Any] | None = None, **changes: Any) -> Call:
    [call] = calls_of(as_json(span(1, attributes, **changes), resource=resource), JSON, None).calls
    return call


def test_a_chat_span_is_a_call_and_its_input_includes_what_was_cached() -> None:
    call = one(CHAT)
    assert call.tokens == Tokens(uncached_input=400, cache_read=600, output=180, thinking=64)
    assert (call.provider, call.model, call.request_kind) == ("openai", "gpt-4o-2024-08-06", "chat")
    assert (call.requested_at_us, call.latency_ms) == (START_NS // 1000, 2_500.0)
    assert (call.provider_request_id, call.stop_reason, call.time_to_first_token_ms) == ("chatcmpl-123", "stop", 250)
    assert (call.project, call.attribution_method, call.source) == ("support-bot", "otel", "otel")
    assert call.billing_basis is None


def test_both_encodings_compressed_or_not_tell_the_same_calls() -> None:
    spans = [span(1), span(2, failed=True), span(3, {"http.route": "/"})]
    expected = calls_of(as_json(*spans), "application/json; charset=utf-8", None)
    assert len(expected.calls) == 2
    assert calls_of(as_protobuf(*spans), PROTOBUF, None) == expected
    assert calls_of(gzip.compress(as_protobuf(*spans)), PROTOBUF, "gzip") == expected
    assert calls_of(zlib.compress(as_json(*spans)), JSON, "deflate") == expected


@given(
    st.dictionaries(
        st.sampled_from([*CHAT, "gen_ai.system", "error.type", "halton.project"]),
        st.one_of(
            st.text(max_size=20),
            st.booleans(),
            st.integers(-(2**63), 2**63 - 1),
            st.floats(allow_nan=False, allow_infinity=False),
        ),
    )
)
def test_no_attribute_of_any_kind_breaks_either_encoding(attributes: dict[str, Any]) -> None:
    spans = [span(1, attributes)]
    found = calls_of(as_json(*spans), JSON, None)
    assert found == calls_of(as_protobuf(*spans), PROTOBUF, None)
    for call in found.calls:
        assert min(call.tokens.uncached_input, call.tokens.cache_read, call.tokens.output) >= 0
        assert call.tokens.thinking <= call.tokens.output


@pytest.mark.parametrize("name", ["cache_creation.input_tokens", "cache_write.input_tokens"])
def test_cache_writes_are_a_part_of_the_input_for_anthropic_too(name: str) -> None:
    told = {"gen_ai.usage.input_tokens": 5_120, "gen_ai.usage.cache_read.input_tokens": 4_500}
    call = one(CHAT | told | {"gen_ai.provider.name": "anthropic", f"gen_ai.usage.{name}": 500})
    assert call.tokens == Tokens(uncached_input=120, cache_read=4_500, cache_write_5m=500, output=180, thinking=64)


def test_a_sender_that_leaves_cached_tokens_out_of_the_input_shows_it() -> None:
    call = one(CHAT | {"gen_ai.usage.input_tokens": 10})
    assert (call.tokens.uncached_input, call.tokens.cache_read) == (10, 600)


def test_earlier_conventions_are_understood() -> None:
    call = one(
        {
            "gen_ai.system": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.prompt_tokens": 12,
            "gen_ai.usage.completion_tokens": 3,
        }
    )
    assert (call.provider, call.tokens.uncached_input, call.tokens.output) == ("anthropic", 12, 3)


@pytest.mark.parametrize("operation", ["execute_tool", "invoke_agent", "create_agent", "invoke_workflow", "plan"])
def test_spans_about_calls_are_no_calls(operation: str) -> None:
    result = calls_of(as_json(span(1, CHAT | {"gen_ai.operation.name": operation})), JSON, None)
    assert (result.calls, result.rejected) == ([], 0)


@pytest.mark.parametrize(
    ("named", "model", "provider"),
    [
        ("gcp.gemini", "gemini-2.5-pro", "gemini"),
        ("gcp.vertex_ai", "gemini-2.5-pro", "gemini"),
        ("gcp.vertex_ai", "claude-sonnet-4-5", "anthropic"),
        ("x_ai", "grok-4", "xai"),
        ("azure.ai.openai", "gpt-4o", "azure.ai.openai"),
    ],
)
def test_providers_have_one_name(named: str, model: str, provider: str) -> None:
    assert one(CHAT | {"gen_ai.provider.name": named, "gen_ai.request.model": model}).provider == provider


@pytest.mark.parametrize(
    ("attributes", "error_class", "status", "retryable"),
    [
        ({"error.type": "429"}, "rate_limit", 429, True),
        ({"error.type": "openai.RateLimitError"}, "rate_limit", None, True),
        ({"error.type": "timeout"}, "timeout", None, True),
        ({"error.type": "java.net.UnknownHostException"}, "network", None, True),
        ({"error.type": "CancelledError"}, "aborted", None, False),
        ({"error.type": "x", "http.response.status_code": 503}, "server_error", 503, True),
        ({"error.type": "400"}, "bad_request", 400, False),
        ({}, "unknown", None, None),
    ],
)
def test_failed_spans_are_failed_calls(
    attributes: dict[str, Any], error_class: str, status: int | None, *, retryable: bool | None
) -> None:
    bare = {key: value for key, value in CHAT.items() if "usage" not in key}
    call = one(bare | attributes, failed=True)
    assert (call.status, call.error_class, call.http_status) == ("error", error_class, status)
    assert (call.retryable, call.usage_source) == (retryable, "absent")


def test_counts_of_zero_are_counts() -> None:
    assert one(CHAT | {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}).usage_source == "provider"


def test_the_project_is_named_by_span_or_program_before_the_programs_own_name() -> None:
    assert one(CHAT | {"halton.project": "Acme API"}).project == "acme-api"
    assert one(CHAT, {"halton.project": "Billing", "service.name": "x"}).project == "billing"
    unnamed = one(CHAT, {"service.name": "unknown_service:python"})
    assert (unnamed.project, unnamed.attribution_method) == ("personal", "smart_default")


def test_the_same_span_sent_again_is_the_same_call_and_another_span_is_not() -> None:
    calls = [call for number in (1, 1, 2) for call in calls_of(as_protobuf(span(number)), PROTOBUF, None).calls]
    assert calls[0].id == calls[1].id != calls[2].id


@pytest.mark.parametrize(
    "changes", [{"trace": "0" * 31}, {"span": "zz" * 8}, {"start": 0}, {"start": 10**19}, {"start": 1}]
)
def test_calls_without_believable_ids_or_times_are_rejected_and_the_rest_is_taken(changes: dict[str, Any]) -> None:
    result = calls_of(as_json(span(1, None, **changes), span(2)), JSON, None)
    assert (len(result.calls), result.rejected) == (1, 1)
    answer = json.loads(answer_of(result, JSON))
    assert answer["partialSuccess"]["rejectedSpans"] == "1"
    response = ExportTraceServiceResponse.FromString(answer_of(result, PROTOBUF))
    assert (response.partial_success.rejected_spans, bool(response.partial_success.error_message)) == (1, True)


def test_nothing_rejected_is_an_empty_answer() -> None:
    result = calls_of(as_json(span(1)), JSON, None)
    assert answer_of(result, JSON) == b"{}"
    assert answer_of(result, PROTOBUF) == b""


@pytest.mark.parametrize(
    ("body", "content_type", "encoding", "status"),
    [
        (b"{", JSON, None, 400),
        (b"[]", JSON, None, 400),
        (b"[" * 200_000, JSON, None, 400),
        (b"\xff\xff\xff", PROTOBUF, None, 400),
        (b"{}", "text/plain", None, 415),
        (b"{}", JSON, "br", 415),
        (b"{}", JSON, "gzip", 400),
        (gzip.compress(b"{}")[:-9], JSON, "gzip", 400),
        (gzip.compress(b" " * (BODY_MAX + 10)), JSON, "gzip", 413),
    ],
)
def test_what_is_no_request_is_refused(body: bytes, content_type: str, encoding: str | None, status: int) -> None:
    with pytest.raises(UnreadableRequest) as refusal:
        calls_of(body, content_type, encoding)
    assert refusal.value.status == status


@given(st.binary(max_size=300))
def test_no_bytes_do_anything_but_be_refused(body: bytes) -> None:
    for content_type in (JSON, PROTOBUF):
        with suppress(UnreadableRequest):
            assert not calls_of(body, content_type, None).calls
