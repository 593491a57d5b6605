"""Records of every generation survive a trip through the typed contract."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.simulate.prices import BilledTokens, cost_picodollars, millicents_half_even
from daemon.wire.batch import Batch
from daemon.wire.record import KEYS_SINCE_0_3, KEYS_SINCE_0_6_4, RECORD_KEYS, Record

BASE: dict[str, Any] = {
    "id": "0b0f0c52-7b1e-4c39-9d57-5f2f1c1d9a11",
    "provider": "anthropic",
    "model": "claude-sonnet-4-6",
    "input_tokens": 1,
    "output_tokens": 2,
    "thinking_tokens": 0,
    "cached_tokens": 0,
    "cache_write_tokens": 0,
    "tokens_complete": True,
    "latency_ms": 1.5,
    "requested_at": "2026-01-01T00:00:00Z",
    "recorded_at": "2026-01-01T00:00:01.5Z",
    "status": "success",
}


def test_golden_batches_have_exactly_the_keys_of_their_release(golden: tuple[dict[str, Any], int]) -> None:
    batch, keys = golden
    later = {24: KEYS_SINCE_0_3 | KEYS_SINCE_0_6_4, 28: KEYS_SINCE_0_6_4, 29: frozenset[str]()}[keys]
    for record in batch["records"]:
        assert tuple(record) == tuple(key for key in RECORD_KEYS if key not in later)


def test_golden_batches_come_back_unchanged(golden: tuple[dict[str, Any], int]) -> None:
    batch, _ = golden
    again = json.loads(msgspec.json.encode(msgspec.json.decode(json.dumps(batch), type=Batch)))
    assert again["batch_id"] == batch["batch_id"]
    for before, after in zip(batch["records"], again["records"], strict=True):
        assert {key: after[key] for key in before} == before
        assert all(after[key] is None for key in after.keys() - before.keys())
        assert len(after) == 29


def test_golden_batches_exercise_nulls_and_failures(golden: tuple[dict[str, Any], int]) -> None:
    records = golden[0]["records"]
    assert any(record["cost_millicents"] is None for record in records)
    assert any(record["status"] != "success" for record in records)
    assert any(record["time_to_first_token_ms"] is None for record in records)


def test_golden_costs_are_list_prices(golden: tuple[dict[str, Any], int]) -> None:
    for record in golden[0]["records"]:
        additive = record["provider"] == "anthropic"
        cached, written = record["cached_tokens"], record["cache_write_tokens"]
        output = record["output_tokens"] + (record["thinking_tokens"] if record["provider"] == "gemini" else 0)
        tokens = BilledTokens(record["input_tokens"] - (0 if additive else cached + written), cached, written, output)
        day = date.fromisoformat(record["requested_at"][:10])
        exact = cost_picodollars(record["provider"], record["model"], tokens, day)
        assert record["cost_millicents"] == (None if exact is None else millicents_half_even(exact))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("provider", "mistral"),
        ("status", "cancelled_by_user"),
        ("request_kind", "realtime_audio"),
        ("attribution_method", "some_later_rule"),
        ("error_class", "content_filter"),
        ("billing_basis", "prepaid_credits"),
    ],
)
def test_enums_are_open(key: str, value: str) -> None:
    assert getattr(msgspec.convert(BASE | {key: value}, Record), key) == value


def test_unknown_keys_are_tolerated() -> None:
    batch = {"batch_id": "b", "records": [BASE | {"service_tier": "batch"}], "sent_at": "2027-01-01T00:00:00Z"}
    assert msgspec.json.decode(json.dumps(batch), type=Batch).records[0].id == BASE["id"]


@pytest.mark.parametrize("key", sorted(set(RECORD_KEYS) - set(BASE)))
def test_keys_that_may_be_unknown_may_be_null_or_absent(key: str) -> None:
    assert getattr(msgspec.convert(BASE, Record), key) is None
    assert getattr(msgspec.convert(BASE | {key: None}, Record), key) is None


@pytest.mark.parametrize("key", sorted(BASE))
def test_keys_that_are_always_known_are_required(key: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=key):
        msgspec.convert({k: v for k, v in BASE.items() if k != key}, Record)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", "not-a-uuid"),
        ("model", ""),
        ("input_tokens", -1),
        ("input_tokens", 1.5),
        ("input_tokens", 10**9 + 1),
        ("output_tokens", "7"),
        ("cost_millicents", -1),
        ("tokens_complete", 1),
        ("latency_ms", -0.5),
    ],
)
def test_values_that_cannot_be_true_are_refused(key: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(BASE | {key: value}, Record)


def test_the_documentation_of_record_lists_every_key() -> None:
    documented = [line.split(":")[0].strip() for line in (Record.__doc__ or "").splitlines() if ": " in line]
    assert tuple(documented) == RECORD_KEYS


OPTIONAL_TEXT = st.none() | st.text(st.characters(exclude_categories=("Cs",)), max_size=24)


@given(
    tokens=st.lists(st.integers(0, 10**9), min_size=5, max_size=5),
    cost=st.none() | st.integers(0, 10**11),
    latency=st.floats(0, 1e9, allow_nan=False),
    texts=st.lists(OPTIONAL_TEXT, min_size=4, max_size=4),
)
def test_any_record_survives_json(tokens: list[int], cost: int | None, latency: float, texts: list[str | None]) -> None:
    counts = ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens")
    words = ("project", "source_machine", "idempotency_key", "billing_basis")
    value = BASE | dict(zip(counts, tokens, strict=True)) | dict(zip(words, texts, strict=True))
    record = msgspec.convert(value | {"cost_millicents": cost, "latency_ms": latency}, Record)
    assert msgspec.json.decode(msgspec.json.encode(record), type=Record) == record
