"""Bodies in, judged rows out: both ways of reading, and every kind of poison."""

from __future__ import annotations

import gzip
import json
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from api.errors import Refused
from api.ingest.columnar import read_columnar
from api.ingest.envelope import decompress
from api.ingest.prepare import Prepared, Sender, prepare
from api.ingest.rowwise import read_rowwise
from daemon.wire.record import RECORD_KEYS, TOKENS_MAX
from pipelines.lake.schema import LANDING_SCHEMA
from tests.wire_records import batch, record, uuid_from

SENDER = Sender(uuid_from("workspace"), uuid_from("device"))
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def prepared(body: bytes) -> Prepared:
    return prepare(body, SENDER, NOW)


def outcome(body: bytes) -> dict[int, str]:
    """Index to quarantine code, after checking that the account adds up and raw bytes are kept."""
    done = prepared(body)
    assert done.received == done.table.num_rows + done.duplicates + len(done.quarantined)
    assert {item.index for item in done.quarantined} == set(done.quarantined_raw)
    return {item.index: item.code for item in done.quarantined}


def test_clean_records_land_verbatim_in_the_landing_schema():
    sent = [record(i, cost_millicents=None if i % 3 else 7 * i) for i in range(50)]
    done = prepared(batch(sent))
    assert done.table.schema.equals(LANDING_SCHEMA)
    rows = done.table.to_pylist()
    for index, (row, original) in enumerate(zip(rows, sent, strict=True)):
        assert str(row["request_id"]) == original["id"]
        assert row["row_index"] == index
        assert row["cost_logged_millicents"] == original["cost_millicents"]
        assert row["requested_at"] == datetime.fromisoformat(original["requested_at"])
        for key in set(RECORD_KEYS) & set(LANDING_SCHEMA.names) - {"requested_at", "recorded_at"}:
            assert row[key] == original[key], key


def test_records_of_early_releases_with_fewer_keys_land():
    later = {"error_class", "provider_error_code", "http_status", "retryable", "billing_basis"}
    early = {key: value for key, value in record(1).items() if key not in later}
    assert len(early) == 24
    assert outcome(batch([early])) == {}
    assert prepared(batch([early])).table["http_status"].to_pylist() == [None]


def test_unknown_keys_are_kept_as_json_text_beside_the_row():
    done = prepared(batch([record(1), record(2, service_tier="flex", nested={"a": [1, None]})]))
    assert done.table["extra_json"].to_pylist() == [None, '{"service_tier": "flex", "nested": {"a": [1, null]}}']


def test_upper_case_ids_are_the_same_ids():
    done = prepared(batch([record(1), record(1, id=uuid_from(1).upper())]))
    assert (done.table.num_rows, done.duplicates) == (1, 1)


NOT_LANDING: list[tuple[dict[str, Any], str]] = [
    ({"input_tokens": "12"}, "wrong_type"),
    ({"input_tokens": True}, "wrong_type"),
    ({"input_tokens": 12.0}, "wrong_type"),
    ({"input_tokens": -1}, "negative_number"),
    ({"input_tokens": TOKENS_MAX + 1}, "number_too_large"),
    ({"input_tokens": 2**63}, "invalid_number"),
    ({"input_tokens": int("9" * 4000)}, "invalid_number"),
    ({"input_tokens": None}, "field_required"),
    ({"output_tokens": []}, "wrong_type"),
    ({"latency_ms": float("nan")}, "invalid_number"),
    ({"latency_ms": float("inf")}, "invalid_number"),
    ({"latency_ms": -0.5}, "negative_number"),
    ({"latency_ms": "256"}, "wrong_type"),
    ({"cost_millicents": -5}, "negative_number"),
    ({"cost_millicents": 1.5}, "wrong_type"),
    ({"cost_millicents": 5, "cost_usd_minor_units": 6}, "costs_differ"),
    ({"tokens_complete": 1}, "wrong_type"),
    ({"tokens_complete": None}, "field_required"),
    ({"http_status": 1000}, "number_too_large"),
    ({"id": "not-a-uuid"}, "invalid_id"),
    ({"id": None}, "field_required"),
    ({"id": 7}, "wrong_type"),
    ({"model": ""}, "field_required"),
    ({"model": "m" * 256}, "text_too_long"),
    ({"model": "\ud800"}, "invalid_text"),
    ({"model": "a\0b"}, "invalid_text"),
    ({"project": {"slug": "x"}}, "wrong_type"),
    ({"billing_basis": "b" * 25}, "text_too_long"),
    ({"requested_at": "2026-11-01T00:00:00"}, "invalid_instant"),
    ({"requested_at": "yesterday"}, "invalid_instant"),
    ({"requested_at": "9999-12-31T23:59:59Z"}, "instant_out_of_range"),
    ({"requested_at": "2019-12-31T23:59:59.999999Z"}, "instant_out_of_range"),
    ({"recorded_at": "2026-11-24T12:00:00.000001Z"}, "instant_out_of_range"),
    ({"recorded_at": 1762000000}, "wrong_type"),
    ({"later_key": "\udcff"}, "invalid_text"),
]


@pytest.mark.parametrize(
    ("change", "code"), NOT_LANDING, ids=[f"{next(iter(c))}-{code}-{i}" for i, (c, code) in enumerate(NOT_LANDING)]
)
@pytest.mark.parametrize("index", [0, 2, 4])
def test_a_poison_record_is_quarantined_alone_wherever_it_stands(change: dict[str, Any], code: str, index: int):
    records = [record(i) for i in range(5)]
    records[index] = record("poison", **change)
    body = batch(records, "b-1")
    assert outcome(body) == {index: code}
    assert prepared(body).table["row_index"].to_pylist() == [i for i in range(5) if i != index]


def test_raw_bytes_of_a_quarantined_record_are_those_that_came():
    poison = json.dumps(record("poison", input_tokens=-1), indent=3)
    body = f'{{"records": [{json.dumps(record(1))},\n {poison} ], "batch_id": "b"}}'.encode()
    assert prepared(body).quarantined_raw == {1: poison.encode()}


@pytest.mark.parametrize("item", ["null", "5", '"text"', "[]", "true", "[" * 100_000 + "]" * 100_000])
def test_an_element_that_is_no_record_is_quarantined(item: str):
    body = f'{{"batch_id": "b", "records": [{json.dumps(record(1))}, {item}, {json.dumps(record(2))}]}}'.encode()
    codes = outcome(body)
    assert codes in ({1: "not_an_object"}, {1: "too_deep"})
    assert prepared(body).table.num_rows == 2


def test_a_record_nested_too_deeply_hides_no_neighbour():
    deep = '{"id": ' + "[" * 200_000 + "]" * 200_000 + "}"
    body = f'{{"batch_id": "b", "records": [{deep}, {json.dumps(record(2))}]}}'.encode()
    assert outcome(body) == {0: "too_deep"}


def test_a_repeated_key_is_a_fault_of_its_record():
    twice = json.dumps(record(1))[:-1] + ', "input_tokens": 99}'
    body = f'{{"batch_id": "b", "records": [{twice}, {json.dumps(record(2))}]}}'.encode()
    assert outcome(body) == {0: "repeated_key"}


def test_numbers_out_of_range_in_text_are_faults_of_their_record():
    for literal in ("1e999", "-1e999", "NaN", "Infinity", "-Infinity"):
        text = json.dumps(record(1)).replace("256.8393669998841", literal)
        body = f'{{"batch_id": "b", "records": [{text}, {json.dumps(record(2))}]}}'.encode()
        assert outcome(body) == {0: "invalid_number"}, literal


def test_other_unicode_encodings_are_read():
    text = json.dumps({"batch_id": "b", "records": [record(1)]})
    for encoding in ("utf-16", "utf-32", "utf-8-sig"):
        assert prepared(text.encode(encoding)).table.num_rows == 1


def test_exact_repeats_within_a_batch_count_as_duplicates_and_other_content_lands_for_the_build_to_judge():
    one = record(1)
    done = prepared(batch([one, record(2), one, {**one, "output_tokens": 9}]))
    assert (done.received, done.table.num_rows, done.duplicates) == (4, 3, 1)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b" ", 400),
        (b"nope", 400),
        (b"\xff\xfe\xfd", 400),
        (b'{"batch_id": "b", "records": [}', 400),
        (b'{"batch_id": "b", "records": []} x', 400),
        (b'{"batch_id": "b", "records": []}{"batch_id": "c", "records": []}', 400),
        (b"[" * 200_000, 400),
        (b"[]", 400),
        (b"{}", 422),
        (b'{"batch_id": 7, "records": []}', 422),
        (b'{"batch_id": "", "records": []}', 422),
        (b'{"batch_id": "b"}', 422),
        (b'{"batch_id": "b", "records": {}}', 422),
        (b'{"batch_id": "b", "records": null}', 422),
        (b'{"batch_id": "b", "records": [], "records": []}', 422),
        (b'{"batch_id": "' + b"b" * 65 + b'", "records": []}', 422),
    ],
)
def test_only_a_broken_envelope_is_refused(body: bytes, status: int):
    with pytest.raises(Refused) as refused:
        prepared(body)
    assert refused.value.status == status


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(min_value=0, max_value=2_000), stray=st.binary(min_size=1, max_size=2))
def test_json_broken_at_any_byte_is_refused_or_judged_never_an_accident(cut: int, stray: bytes):
    body = batch([record(1), record(2)], "b")
    for damaged in (body[: cut % len(body)], body[: cut % len(body)] + stray + body[cut % len(body) :]):
        try:
            done = prepared(damaged)
        except Refused as refused:
            assert refused.status in (400, 422)  # noqa: PT017 - either outcome is right
        else:
            assert done.received == done.table.num_rows + done.duplicates + len(done.quarantined)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(
    changes=st.lists(st.dictionaries(st.sampled_from([*RECORD_KEYS, "later_key"]), json_values, max_size=3), max_size=4)
)
def test_any_json_value_in_any_field_is_landed_or_quarantined_and_neighbours_are_untouched(
    changes: list[dict[str, Any]],
):
    records = [record(("clean", i)) for i in range(2)] + [
        record(("odd", i)) | change for i, change in enumerate(changes)
    ]
    done = prepared(batch(records, "b"))
    assert done.received == len(records) == done.table.num_rows + done.duplicates + len(done.quarantined)
    assert not {0, 1} & {item.index for item in done.quarantined}
    for item in done.quarantined:
        assert json.loads(done.quarantined_raw[item.index]) is not None or records[item.index] is None


clean_changes = st.fixed_dictionaries(
    {},
    optional={
        "project": st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
        "input_tokens": st.integers(0, TOKENS_MAX),
        "cost_millicents": st.none() | st.integers(0, 10**9),
        "latency_ms": st.floats(0, 1e6) | st.integers(0, 10**6),
        "retryable": st.none() | st.booleans(),
        "requested_at": st.datetimes(datetime(2020, 1, 2), datetime(2026, 11, 20)).map(  # noqa: DTZ001
            lambda at: at.isoformat() + "Z"
        ),
    },
)


@settings(max_examples=60, deadline=None)
@given(changes=st.lists(clean_changes, min_size=1, max_size=5))
def test_both_ways_of_reading_agree_on_clean_batches(changes: list[dict[str, Any]]):
    body = batch([record(i, **change) for i, change in enumerate(changes)], "b")
    fast, careful = read_columnar(body), read_rowwise(body)
    assert fast is not None
    assert not careful.refused
    assert fast.records.equals(careful.records)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-01T00:00:00Z", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T00:00:00.123456Z", datetime(2026, 11, 1, 0, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-01T02:00:00+02:00", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T00:00:00.1234567Z", datetime(2026, 11, 1, 0, 0, 0, 123456, tzinfo=UTC)),
    ],
)
def test_instants_mean_the_same_alone_and_beside_an_unreadable_one(text: str, expected: datetime):
    alone = prepared(batch([record(1, requested_at=text)]))
    beside = prepared(batch([record(1, requested_at=text), record(2, requested_at="nonsense")]))
    assert alone.table["requested_at"].to_pylist() == beside.table["requested_at"].to_pylist() == [expected]


def test_instants_up_to_48_hours_ahead_land():
    assert outcome(batch([record(1, recorded_at=(NOW + timedelta(hours=48)).isoformat())])) == {}


def test_gzip_and_zstd_bodies_are_read():
    body = batch([record(1)])
    assert decompress(gzip.compress(body), "gzip") == body
    assert decompress(zstandard.compress(body), "zstd") == body
    assert decompress(body, None) == body


@pytest.mark.parametrize(
    ("sent", "encoding", "status"),
    [
        (gzip.compress(bytes(1_000_001)), "gzip", 413),
        (zstandard.compress(bytes(1_000_001)), "zstd", 413),
        (b"not gzip", "gzip", 400),
        (gzip.compress(b"{}")[:-4], "gzip", 400),
        (gzip.compress(b"{}") + b"tail", "gzip", 400),
        (zlib.compress(b"{}"), "gzip", 400),
        (b"not zstd", "zstd", 400),
        (b"{}", "br", 415),
    ],
    ids=["gzip bomb", "zstd bomb", "no gzip", "cut gzip", "gzip and tail", "zlib", "no zstd", "unknown encoding"],
)
def test_compressed_bodies_that_lie_or_explode_are_refused(sent: bytes, encoding: str, status: int):
    with pytest.raises(Refused) as refused:
        decompress(sent, encoding, cap=1_000_000)
    assert refused.value.status == status
