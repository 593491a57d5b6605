"""The quick look at a column of ids says what the rule says; so do the quick looks of the other rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.ingest.columnar import read_columnar
from api.ingest.prepare import Sender, prepare
from api.ingest.request_ids import uuid_values
from tests.wire_records import batch, record, uuid_from

CANONICAL = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}", re.ASCII)
GOOD = uuid_from("good")
almost = st.one_of(
    st.uuids().map(str),
    st.uuids().map(lambda value: str(value).upper()),
    st.text("0123456789abcdefABCDEF- \n\tg", min_size=36, max_size=36),
    st.builds(lambda at, by: GOOD[:at] + by + GOOD[at + 1 :], st.integers(0, 35), st.sampled_from("g- \n\0\uff21é")),
    st.text(max_size=40),
)


def values(ids: Sequence[str | None]) -> list[Any] | None:
    found = uuid_values(pa.array(list(ids), pa.string()))
    return None if found is None else found.to_pylist()


@given(st.lists(almost, max_size=5))
def test_a_column_has_values_exactly_when_every_text_is_a_uuid(ids: list[str]):
    if all(CANONICAL.fullmatch(text) for text in ids):
        assert values(ids) == [UUID(text) for text in ids]
    else:
        assert values(ids) is None


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("-", ""),
        f"{{{GOOD[1:-1]}}}",
        GOOD[:-2] + "  ",
        GOOD[:8] + "--" + GOOD[10:],
        GOOD[:-1] + "\n",
        GOOD[:-3] + "é0",
    ],
    ids=["no dashes", "braces", "spaces", "a dash too many", "new line", "36 bytes but not characters"],
)
def test_what_only_looks_like_a_uuid_is_none(text: str):
    assert values([GOOD, text]) is None


def test_a_missing_id_is_none():
    assert values([GOOD, None]) is None


def test_a_slice_of_a_column_has_its_own_values():
    ids = [uuid_from(i) for i in range(6)]
    found = uuid_values(pa.array(ids, pa.string())[2:5])
    assert found is not None
    assert found.to_pylist() == [UUID(text) for text in ids[2:5]]


def test_long_texts_are_measured_in_characters_not_in_bytes():
    sent = [record(0, project="é" * 255), record(1, project="é" * 256), record(2, model="e" * 256)]
    done = prepare(batch(sent), Sender(uuid_from("w"), uuid_from("d")), datetime(2026, 11, 22, 12, tzinfo=UTC))
    assert [(item.index, item.code) for item in done.quarantined] == [(1, "text_too_long"), (2, "text_too_long")]


def test_a_nul_comes_as_an_escape_or_not_at_all():
    clean, escaped = batch([record(0)]), batch([record(0, project="a\0b")])
    found = [read_columnar(clean), read_columnar(escaped), read_columnar(batch([record(0, project="a\\b")]))]
    assert [read is not None and read.nul_free for read in found] == [True, False, True]
    assert read_columnar(clean.replace(b"acme-api", b"acme\0api")) is None
