"""Calls go into the store once and come out as they went in."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.calls.call import Call
from daemon.calls.record import as_record
from daemon.calls.tokens import Tokens
from daemon.clock import DAY, SystemClock
from daemon.store.rows import LAST_INSTANT_US, storable
from daemon.store.store import Store
from daemon.wire.record import MILLICENTS_MAX, TOKENS_MAX
from tests.daemon.store.made_calls import NOON_US, any_calls, made_call, made_calls, receipt


@settings(max_examples=25)
@given(st.lists(any_calls(), max_size=8))
def test_any_call_comes_out_as_it_went_in_and_only_once(calls: list[Call]) -> None:
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "db.sqlite", SystemClock()) as store:
        first = {call.id: call for call in reversed(calls)}
        assert store.add([*calls, *calls]) == len(first)
        assert store.add(calls) == 0
        assert {call_id: store.get(call_id) for call_id in first} == first
        by_request = sorted(first.values(), key=lambda call: (call.requested_at_us, call.id))
        assert list(store.between(0, LAST_INSTANT_US)) == by_request
        by_record = sorted(first.values(), key=lambda call: (call.recorded_at_us, call.id))
        assert store.pending(100) == by_record
        assert store.newest(100) == by_record[::-1]
        assert all(type(call.streamed) is bool for call in store.newest(100))


def test_a_known_id_keeps_what_was_written_first(store: Store) -> None:
    assert store.add([made_call(1, model="first")]) == 1
    assert store.add([made_call(1, model="second"), made_call(2)]) == 1
    kept = store.get(made_call(1).id)
    assert kept is not None
    assert kept.model == "first"


def test_an_unknown_id_is_no_call(store: Store) -> None:
    assert store.get("nothing") is None
    assert store.get("\udcff") is None


@pytest.mark.parametrize(
    ("facts", "kept"),
    [
        ({"model": "half \ud800"}, {"model": "half ?"}),
        ({"source_workdir": "/" + "x" * 10_000}, {"source_workdir": "/" + "x" * 8_191}),
        ({"latency_ms": float("nan")}, {"latency_ms": 0.0}),
        ({"latency_ms": float("inf")}, {"latency_ms": 0.0}),
        ({"latency_ms": -1.0}, {"latency_ms": 0.0}),
        ({"requested_at_us": -5}, {"requested_at_us": 0}),
        ({"recorded_at_us": 2**80}, {"recorded_at_us": LAST_INSTANT_US}),
        ({"cost_millicents": MILLICENTS_MAX + 1}, {"cost_millicents": None}),
        ({"cost_millicents": -1}, {"cost_millicents": None}),
        ({"http_status": -200}, {"http_status": 0}),
        ({"time_to_first_token_ms": 2**90}, {"time_to_first_token_ms": 2**62}),
        (
            {"tokens": Tokens(uncached_input=2**70, output=3, thinking=9)},
            {"tokens": Tokens(uncached_input=TOKENS_MAX, output=3, thinking=3), "tokens_complete": False},
        ),
        ({"tokens": Tokens(output=-3)}, {"tokens": Tokens(), "tokens_complete": False}),
    ],
)
def test_an_absurd_value_is_bent_and_never_keeps_other_calls_out(
    store: Store, facts: dict[str, Any], kept: dict[str, Any]
) -> None:
    assert store.add([made_call(1), made_call(2, **facts), made_call(3)]) == 3
    found = store.get(made_call(2).id)
    assert found is not None
    assert {name: getattr(found, name) for name in kept} == kept
    assert found == storable(made_call(2, **facts))
    as_record(found)  # its instants can be written as dates


def test_calls_between_two_instants_come_in_order_and_the_end_is_outside(store: Store) -> None:
    calls = [made_call(number, age_us=(number // 3) * 10) for number in range(2_500)]
    store.add(calls)
    oldest, newest = NOON_US - 500 * 10, NOON_US - 100 * 10
    expected = sorted(
        (call for call in calls if oldest <= call.requested_at_us < newest), key=lambda c: (c.requested_at_us, c.id)
    )
    assert len(expected) > 1_000
    assert list(store.between(oldest, newest)) == expected


def test_calls_can_be_added_while_others_are_being_read(store: Store) -> None:
    store.add(made_calls(1_500))
    reading = store.between(0, LAST_INSTANT_US)
    next(reading)
    assert store.add([made_call(9_999)]) == 1
    assert len(list(reading)) == 1_500


def test_the_newest_of_one_project_are_found_in_any_case(store: Store) -> None:
    store.add([made_call(1, project="acme-api"), made_call(2, project="other"), made_call(3, project="acme-api")])
    assert [call.id for call in store.newest(5, project="ACME-api")] == [made_call(3).id, made_call(1).id]
    assert [call.id for call in store.newest(1)] == [made_call(3).id]


def test_a_call_is_known_by_its_providers_name_for_it(store: Store) -> None:
    store.add([made_call(1, provider_request_id="req_1"), made_call(2)])
    assert store.has_provider_request("anthropic", "req_1")
    assert not store.has_provider_request("openai", "req_1")
    assert not store.has_provider_request("anthropic", "req_2")
    assert not store.has_provider_request("anthropic", "\ud800")


def test_a_cursor_moves_with_its_calls_or_not_at_all(store: Store) -> None:
    assert store.cursor("claude-code:/a") is None
    assert store.add([made_call(1)], cursor=("claude-code:/a", b"\x00\xff")) == 1
    assert store.cursor("claude-code:/a") == b"\x00\xff"
    with pytest.raises(AttributeError):
        store.add([made_call(2), None], cursor=("claude-code:/a", b"2"))  # type: ignore[list-item]
    assert store.cursor("claude-code:/a") == b"\x00\xff"
    assert store.get(made_call(2).id) is None
    assert store.add([], cursor=("claude-code:/a", b"3")) == 0
    store.set_cursor("other", b"")
    assert (store.cursor("claude-code:/a"), store.cursor("other")) == (b"3", b"")


def test_daily_totals_count_as_the_records_that_leave_do(store: Store) -> None:
    tokens = Tokens(uncached_input=10, cache_read=200, cache_write_5m=30, cache_write_1h=4, output=50, thinking=20)
    calls = [
        made_call(number, provider=provider, tokens=tokens, project=project, age_us=days * DAY, cost_millicents=cost)
        for number, (provider, project, days, cost) in enumerate(
            [
                ("anthropic", "a", 0, 5),
                ("openai", "a", 0, None),
                ("gemini", "a", 0, 7),
                ("xai", "b", 0, 1),
                ("groq", "a", 1, 2),
                ("anthropic", "a", 9, 100),
            ]
        )
    ]
    store.add(calls)
    store.open_batch("b1", [calls[0].id], "00")
    store.close_batch("b1", receipt("b1", 1))
    totals = store.daily_totals(date(2026, 6, 30), date(2026, 7, 1))
    found = {(row.day.isoformat(), row.project, row.upload_state): row for row in totals}
    groups = {
        ("2026-06-30", "a", "pending"): calls[4:5],
        ("2026-07-01", "a", "pending"): calls[1:3],
        ("2026-07-01", "a", "sent"): calls[:1],
        ("2026-07-01", "b", "pending"): calls[3:4],
    }
    assert found.keys() == groups.keys()
    for key, group in groups.items():
        records = [as_record(call) for call in group]
        assert found[key].request_count == len(group)
        assert found[key].prompt_tokens == sum(record["input_tokens"] for record in records)
        assert found[key].completion_tokens == sum(record["output_tokens"] for record in records)
        assert found[key].cost_millicents == sum(record["cost_millicents"] or 0 for record in records)
        assert found[key].unpriced_count == sum(record["cost_millicents"] is None for record in records)


def test_a_connection_for_reading_cannot_write(store: Store) -> None:
    store.add(made_calls(3))
    with closing(store.connection_for_reading()) as connection:
        assert connection.execute("SELECT count(*) FROM calls").fetchone() == (3,)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("DELETE FROM calls")


def test_every_field_of_a_call_has_a_column(store: Store) -> None:
    with closing(store.connection_for_reading()) as connection:
        columns = {row[1] for row in connection.execute("PRAGMA table_info(calls)")}
    fields = {field.name for field in msgspec.structs.fields(Call)} - {"tokens"}
    tokens = {f"{field.name}_tokens" for field in msgspec.structs.fields(Tokens)}
    upload = {"upload_state", "batch_id", "quarantine_code", "quarantine_detail", "acknowledged_at_us"}
    assert columns == fields | tokens | upload
