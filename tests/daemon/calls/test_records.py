"""From a call to what leaves of it: the warehouse gets back exactly the kinds this machine counted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.ingest.prepare import Sender, prepare
from daemon.calls.call import Call
from daemon.calls.record import EXTRA_KEYS, as_record
from daemon.calls.tokens import ReportedTokens, Tokens, as_reported, from_reported
from daemon.wire.record import RECORD_KEYS
from pipelines.lake.pricing import CONVENTIONS, extra_values, token_kinds
from tests.wire_records import uuid_from

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000
PROVIDERS = (*CONVENTIONS, "mistral")
counts = st.integers(0, 10**8)
words = st.text(st.characters(), max_size=300) | st.sampled_from(["\ud800", "\0", "a\0\udfff"]) | st.none()


@st.composite
def tokens(draw: st.DrawFn) -> Tokens:
    output = draw(counts)
    kinds = {kind: draw(counts) for kind in ("uncached_input", "cache_read", "cache_write_5m", "cache_write_1h")}
    return Tokens(**kinds, output=output, thinking=draw(st.integers(0, output)))


def a_call(**facts: Any) -> Call:
    usual = {
        "id": uuid_from("call"),
        "requested_at_us": NOW_US,
        "recorded_at_us": NOW_US + 5,
        "provider": "anthropic",
        "model": "claude-sonnet-4-5",
        "surface": "messages",
        "source": "proxy",
    }
    return Call(**(usual | facts))


@given(st.sampled_from(PROVIDERS), tokens())
def test_a_providers_way_of_counting_and_back_changes_nothing(provider: str, kinds: Tokens):
    reported = as_reported(provider, kinds)
    assert from_reported(provider, reported, one_hour=kinds.cache_write_1h) == kinds


@given(st.sampled_from(PROVIDERS), tokens())
def test_the_warehouse_undoes_the_same_convention(provider: str, kinds: Tokens):
    record = as_record(a_call(provider=provider, tokens=kinds))
    _, one_hour = extra_values(json.dumps({key: record[key] for key in EXTRA_KEYS if key in record}))
    names = ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens")
    undone = token_kinds(provider, **{name: record[name] for name in names}, one_hour_tokens=one_hour)
    assert not undone.inconsistent
    assert (undone.uncached_input, undone.cache_read) == (kinds.uncached_input, kinds.cache_read)
    assert (undone.cache_write_5m, undone.cache_write_1h) == (kinds.cache_write_5m, kinds.cache_write_1h)
    assert undone.output == kinds.output


def test_counts_that_contradict_each_other_make_no_negative_kind():
    bent = from_reported("openai", ReportedTokens(10, 3, 9, 40, 0), one_hour=7)
    assert bent == Tokens(uncached_input=0, cache_read=40, output=3, thinking=3)


def test_a_record_has_the_protocols_keys_in_order_and_no_extra_key_without_a_value():
    bare = as_record(a_call(usage_source="absent"))
    assert tuple(bare) == (*RECORD_KEYS, "usage_source", "surface")
    full = as_record(
        a_call(service_tier="flex", provider_request_id="r", stop_reason="s", tokens=Tokens(cache_write_1h=2))
    )
    assert tuple(full) == (*RECORD_KEYS, *EXTRA_KEYS)


@given(
    words.filter(bool), words, words, words, words,
    st.sampled_from(["success", "error"]),
    st.none() | st.integers(0, 999),
    st.none() | st.integers(0, 10**9),
)  # fmt: skip
def test_no_text_a_call_may_hold_makes_the_server_refuse_its_record(
    project: Any, workdir: Any, machine: Any, key: Any, code: Any, status: str, http: Any, cost: Any
):
    call = a_call(
        project=project, model=project, source_workdir=workdir, source_machine=machine, idempotency_key=key,
        provider_error_code=code, status=status, http_status=http, cost_millicents=cost, provider_request_id=code,
    )  # fmt: skip
    done = prepare(
        msgspec.json.encode({"batch_id": "b", "records": [as_record(call)]}),
        Sender(uuid_from("w"), uuid_from("d")),
        NOW,
    )
    assert done.quarantined == []
    assert done.table["request_id"].to_pylist() == [UUID(call.id)]


@pytest.mark.parametrize(
    "field", ["project", "source_workdir", "source_machine", "idempotency_key", "provider_request_id"]
)
def test_a_text_too_long_for_the_wire_is_cut(field: str):
    record = as_record(a_call(**{field: "x" * 10_000}))
    assert len(record[field]) == (4096 if field == "source_workdir" else 255)
