"""Extra keys of today's daemons: read by column, written down as the careful reader does."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.ingest.columnar import read_columnar
from api.ingest.extras import EXTRA_TYPES, EXTRAS_CAP_CHARACTERS
from api.ingest.prepare import Sender, prepare
from api.ingest.rowwise import read_rowwise
from daemon.calls.record import EXTRA_KEYS
from tests.wire_records import batch, record, uuid_from

SENDER = Sender(uuid_from("workspace"), uuid_from("device"))
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY = {
    "service_tier": "flex",
    "cache_write_1h_tokens": 7,
    "provider_request_id": "req_011CSHoEeqs5C35K2UUqR7Fy",
    "stop_reason": "end_turn",
    "usage_source": "provider",
    "surface": "messages",
}

text = st.text(st.characters(exclude_categories=("Cs",)), max_size=12) | st.sampled_from(
    ['"', "\\", "\n", "\x00", "é", "a"]
)
extras = st.fixed_dictionaries(
    {},
    optional={key: st.integers(0, 2**40) if key == "cache_write_1h_tokens" else text for key in EXTRA_TYPES},
)


def texts_of(columns: Any) -> list[str | None]:
    return [None] * len(columns.records) if columns.extras is None else columns.extras.to_pylist()


def kept_of(body: bytes) -> list[dict[str, Any]]:
    landed = prepare(body, SENDER, NOW).table["extra_json"].to_pylist()
    return [json.loads(found) if found else {} for found in landed]


def test_the_server_knows_the_extra_keys_its_own_daemon_sends():
    assert tuple(EXTRA_TYPES) == EXTRA_KEYS


def test_a_batch_of_todays_daemon_is_read_by_column():
    read = read_columnar(batch([record(1, **TODAY), record(2), record(3, surface="responses")]))
    assert read is not None
    assert texts_of(read) == [json.dumps(TODAY), None, '{"surface": "responses"}']


@given(st.lists(extras, min_size=1, max_size=6))
def test_both_readers_write_the_same_text(rows: list[dict[str, Any]]):
    body = batch([record(index, **row) for index, row in enumerate(rows)])
    by_column, by_row = read_columnar(body), read_rowwise(body)
    if by_column is not None:
        assert texts_of(by_column) == texts_of(by_row)
        assert by_column.records.equals(by_row.records)
    assert kept_of(body) == rows


@given(st.permutations(list(TODAY)))
def test_the_order_a_daemon_wrote_them_in_makes_no_other_text(order: list[str]):
    body = batch([record(1, **{key: TODAY[key] for key in order})])
    assert texts_of(read_rowwise(body)) == [json.dumps(TODAY)]
    assert prepare(body, SENDER, NOW).table["extra_json"].to_pylist() == [json.dumps(TODAY)]


@pytest.mark.parametrize(
    "more",
    [{"service_tier": None}, {"unknown": 1}, {"cache_write_1h_tokens": 1.5}, {"surface": ["a"]}, {"surface": 3}],
    ids=["null", "unknown", "fraction", "list", "number"],
)
def test_what_a_column_cannot_hold_is_kept_by_the_careful_reader(more: dict[str, Any]):
    body = batch([record(1, **(TODAY | more)), record(2, **TODAY)])
    assert read_columnar(body) is None
    assert kept_of(body) == [TODAY | more, TODAY]


def test_a_text_that_names_a_key_sends_the_batch_the_careful_way_and_changes_nothing():
    body = batch([record(1, **(TODAY | {"stop_reason": "surface"}))])
    assert kept_of(body) == [TODAY | {"stop_reason": "surface"}]


def test_extra_keys_too_large_to_keep_set_the_record_aside():
    body = batch([record(1, surface="x" * EXTRAS_CAP_CHARACTERS), record(2, **TODAY)])
    done = prepare(body, SENDER, NOW)
    assert [(item.index, item.code) for item in done.quarantined] == [(0, "extras_too_large")]
    assert done.table.num_rows == 1


def test_a_key_named_twice_sets_the_record_aside():
    body = batch([record(1, **TODAY), record(2)]).replace(b'"surface"', b'"surface":"a","surface"', 1)
    assert [item.code for item in prepare(body, SENDER, NOW).quarantined] == ["repeated_key"]
