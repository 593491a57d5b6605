"""Answers with anything in them: nothing is raised, and what is read can be believed."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.capture.providers.metered import MeteredCall, Outcome
from daemon.wire.record import TOKENS_MAX
from tests.daemon.providers.metering import metered, metered_sample
from tests.daemon.upstreams_samples import SAMPLES, Sample

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
sampled = st.sampled_from(list(SAMPLES.values()))


@given(sample=sampled, data=st.data())
@settings(max_examples=300)
def test_an_answer_with_anything_in_the_place_of_any_value_never_raises(sample: Sample, data: st.DataObject) -> None:
    pieces = [_spoilt(piece, data) for piece in sample.pieces]
    _assert_believable(metered_sample(sample, pieces))


@given(sample=sampled, data=st.data())
@settings(max_examples=200)
def test_any_damage_to_the_bytes_never_raises(sample: Sample, data: st.DataObject) -> None:
    body = bytearray(sample.body)
    for place in data.draw(st.lists(st.integers(0, len(body) - 1), max_size=20)):
        body[place] = data.draw(st.integers(0, 255))
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(body)), st.integers(0, len(body)))))
    del body[start:end]
    _assert_believable(metered_sample(sample, [bytes(body)]))


@given(body=st.binary(max_size=400), sample=sampled, status=st.integers(100, 999))
@settings(max_examples=200)
def test_any_bytes_at_all_never_raise(body: bytes, sample: Sample, status: int) -> None:
    for outcome in Outcome:
        call = metered(
            sample.provider,
            [body],
            path=sample.path,
            request=body,
            status=status,
            headers=sample.headers,
            outcome=outcome,
        )
        _assert_believable(call)


def _spoilt(piece: bytes, data: st.DataObject) -> bytes:
    """`piece` with one value of its JSON replaced."""
    start, end = piece.find(b"{"), piece.rfind(b"}") + 1
    if start < 0 or not data.draw(st.booleans()):
        return piece
    tree = json.loads(piece[start:end])
    here = tree
    while True:
        key = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
        if isinstance(here[key], dict | list) and here[key] and data.draw(st.booleans()):
            here = here[key]
            continue
        here[key] = data.draw(JUNK)
        return piece[:start] + json.dumps(tree).encode() + piece[end:]


def _assert_believable(call: MeteredCall) -> None:
    tokens = call.tokens
    kinds = (tokens.uncached_input, tokens.cache_read, tokens.cache_write, tokens.output, tokens.thinking)
    assert all(type(count) is int and 0 <= count <= TOKENS_MAX for count in (*kinds, tokens.total_input))
    assert tokens.thinking <= tokens.output
    assert call.usage_source in {"provider", "estimated", "absent"}
    assert call.status in {"success", "error"}
    assert (call.status == "success") == (call.error_class is None) == (call.retryable is None)
    for text in (call.model, call.stop_reason, call.service_tier, call.provider_error_code, call.provider_request_id):
        assert text is None or (text.isprintable() and 0 < len(text) <= 255)
