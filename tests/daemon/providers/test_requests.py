"""What is known of a request: its model, its fingerprint, its text; never the text itself."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.capture.providers.asked import REQUEST_MAX, read_request, tokens_in
from daemon.capture.providers.bounded import Bounded
from daemon.capture.providers.metered import MeteredCall, Outcome
from tests.daemon.providers.metering import meter_for
from tests.daemon.upstreams import encoded
from tests.daemon.upstreams_openai import CHAT_REQUEST
from tests.daemon.upstreams_shapes import compact

SMALL_FLOATS = st.floats(0.001, 1000).map(lambda value: round(value, 3))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | SMALL_FLOATS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=20,
)


def asked_for(body: bytes, **headers: str) -> MeteredCall:
    meter = meter_for("openai")
    meter.request(headers, body)
    return meter.finished(outcome=Outcome.TIMEOUT)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES, max_size=6))
def test_the_fingerprint_is_of_the_canonical_form(request_body: dict[str, Any]) -> None:
    canonical = json.dumps(request_body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    body = json.dumps(dict(reversed(request_body.items())), indent=3).encode()
    assert asked_for(body).prompt_hash == hashlib.sha256(canonical).hexdigest()


def test_requests_that_differ_in_a_word_have_other_fingerprints() -> None:
    other = CHAT_REQUEST | {"temperature": 0.5}
    assert asked_for(compact(CHAT_REQUEST)).prompt_hash != asked_for(compact(other)).prompt_hash


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff\xfe", b'{"a":"\\ud800"}', b"[" * 100_000, b"\x00"])
def test_a_body_that_is_no_request_has_no_fingerprint(body: bytes) -> None:
    call = asked_for(body)
    assert (call.prompt_hash, call.model, call.usage_source) == (None, "unknown", "absent")


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_compressed_request_is_read_too(coding: str) -> None:
    plain = compact(CHAT_REQUEST)
    call = asked_for(encoded(plain, coding), **{"Content-Encoding": coding})
    assert (call.model, call.prompt_hash) == ("gpt-5-mini", asked_for(plain).prompt_hash)
    assert asked_for(plain, **{"content-encoding": coding}).prompt_hash is None
    assert asked_for(plain, **{"content-encoding": "compress"}).prompt_hash is None


def test_pictures_and_names_are_no_text() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 10_000}}
    blob = {"inlineData": {"mimeType": "image/png", "data": "A" * 10_000}}
    source = {"type": "image", "source": {"type": "base64", "data": "A" * 10_000}}
    said = {"type": "text", "text": "öäüß"}
    body = Bounded(REQUEST_MAX)
    body.append(compact({"model": "m" * 300, "messages": [{"role": "user", "content": [picture, blob, source, said]}]}))
    asked = read_request(body)
    assert (asked.text_bytes, tokens_in(8), tokens_in(9), tokens_in(0)) == (8, 2, 3, 0)
    assert asked.model == "m" * 255


def test_a_request_too_long_to_be_held_still_names_its_model() -> None:
    meter = meter_for("openai")
    meter.request_started({})
    meter.request_bytes(b'{"model": "gpt-5", "stream": true, "input": "')
    for _ in range(REQUEST_MAX // (1 << 20) + 1):
        meter.request_bytes(b"x" * (1 << 20))
    meter.request_bytes(b'"}')
    call = meter.finished(outcome=Outcome.TIMEOUT)
    assert (call.model, call.streamed, call.prompt_hash, call.usage_source) == ("gpt-5", True, None, "absent")


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"Idempotency-Key": "stainless-retry-1"}, "stainless-retry-1"),
        ({"idempotency-key": "x" * 400}, "x" * 255),
        ({"idempotency-key": "\x1b]0;evil\x07"}, "]0;evil"),
        ({"idempotency-key": "  "}, None),
        ({"authorization": "Bearer sk-secret", "x-api-key": "sk-secret"}, None),
    ],
)
def test_of_the_headers_only_the_idempotency_key_is_kept(headers: dict[str, str], key: str | None) -> None:
    call = asked_for(compact(CHAT_REQUEST), **headers)
    assert call.idempotency_key == key
    assert "sk-secret" not in repr(call)
    assert "loop" not in repr(call)
