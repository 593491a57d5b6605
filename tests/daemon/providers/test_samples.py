"""Every surface, streamed and not: the same call is metered however its bytes arrive."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.calls.call import Call
from daemon.calls.tokens import Tokens
from daemon.capture.providers.metered import MeteredCall
from daemon.clock import to_micros
from tests.daemon.providers.metering import NOON, cut_at, metered_sample
from tests.daemon.upstreams import encoded
from tests.daemon.upstreams_samples import SAMPLES, Sample
from tests.daemon.upstreams_shapes import EVENTS

samples = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)


def timeless(call: MeteredCall) -> MeteredCall:
    return replace(call, time_to_first_token_ms=None, latency_ms=0.0)


@samples
def test_each_sample_gives_exactly_what_it_means(sample: Sample) -> None:
    call = metered_sample(sample)
    canonical = json.dumps(sample.request, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    request_id = sample.headers.get("request-id") or sample.headers.get("x-request-id")
    assert call == MeteredCall(
        requested_at_us=to_micros(NOON),
        provider=sample.provider,
        model=sample.model,
        surface=sample.surface,
        request_kind=sample.request_kind,
        streamed=sample.streamed,
        tokens=sample.tokens,
        usage_source=sample.usage_source,
        tokens_complete=sample.usage_source == "provider",
        service_tier=sample.service_tier,
        stop_reason=sample.stop_reason,
        status="success",
        http_status=200,
        error_class=None,
        provider_error_code=None,
        retryable=None,
        latency_ms=500.0,
        time_to_first_token_ms=250,
        provider_request_id=request_id or sample.answer_id,
        answer_id=sample.answer_id,
        prompt_hash=hashlib.sha256(canonical.encode()).hexdigest(),
        idempotency_key=None,
    )


@samples
@settings(max_examples=25)
@given(data=st.data())
def test_any_division_of_the_bytes_gives_the_same_call(sample: Sample, data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(1, max(len(sample.body) - 1, 1)), max_size=40))
    assert timeless(metered_sample(sample, cut_at(sample.body, places))) == timeless(metered_sample(sample))


@samples
def test_single_bytes_give_the_same_call(sample: Sample) -> None:
    pieces = [bytes([byte]) for byte in sample.body]
    assert timeless(metered_sample(sample, pieces)) == timeless(metered_sample(sample))


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
@samples
def test_every_content_coding_is_undone(sample: Sample, coding: str) -> None:
    body = encoded(sample.body, coding)
    pieces = cut_at(body, range(1, len(body), 7))
    call = metered_sample(sample, pieces, **{"Content-Encoding": coding.upper()})
    assert timeless(call) == timeless(metered_sample(sample))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@settings(max_examples=25)
@given(data=st.data())
def test_events_end_their_lines_in_any_of_three_ways(end: bytes, data: st.DataObject) -> None:
    sample = SAMPLES["anthropic stream"]
    body = b"\xef\xbb\xbf" + b": a comment\nretry: 3\n\n" + sample.body
    body = body.replace(b"\n", end)
    places = data.draw(st.lists(st.integers(1, len(body)), max_size=20))
    assert timeless(metered_sample(sample, cut_at(body, places))) == timeless(metered_sample(sample))


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/octet-stream", EVENTS.upper()])
def test_a_stream_is_known_by_its_bytes_when_its_type_is_wrong(content_type: str) -> None:
    sample = SAMPLES["openai chat stream"]
    call = metered_sample(replace(sample, content_type=content_type), sample.pieces)
    assert timeless(call) == timeless(metered_sample(sample))


def test_a_stream_may_begin_with_silence() -> None:
    sample = SAMPLES["gemini stream as an array"]
    assert timeless(metered_sample(sample, [b" \r\n", b"\n", *sample.pieces])) == timeless(metered_sample(sample))


def test_the_last_event_counts_without_its_blank_line() -> None:
    sample = SAMPLES["openai response stream"]
    assert metered_sample(sample, [sample.body.rstrip()]).tokens == sample.tokens


def test_a_metered_call_fits_the_call_that_is_kept() -> None:
    kept = set(Call.__struct_fields__)
    assert set(MeteredCall.__slots__) - kept == {"answer_id"}
    assert isinstance(SAMPLES["openai chat"].tokens, Tokens)
