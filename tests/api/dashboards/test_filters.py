"""The filter rail's normal form, search texts and cursors."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.dashboards.cursor import encode_cursor, parse_cursor
from api.dashboards.filters import FilterError, Filters, escape, parse_filters, split_values
from api.dashboards.periods import RangeName
from api.dashboards.queries.requests import Position
from api.dashboards.search import id_bounds, parse_search
from pipelines.lake.clock import from_micros

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
VALUES = st.lists(TEXTS, max_size=5)
DAY = "2026-03-08"


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_values_survive_being_joined_by_commas(values: list[str]):
    assert split_values(",".join(escape(value) for value in values)) == values


@given(st.sampled_from([*RangeName]), VALUES, VALUES, VALUES, st.lists(st.uuids(), max_size=3))
def test_a_query_string_gives_its_filter_again(
    name: RangeName, providers: list[str], models: list[str], projects: list[str], devices: list[uuid.UUID]
):
    days = (date(2026, 1, 1), date(2026, 2, 1)) if name is RangeName.CUSTOM else (None, None)
    texts = [tuple(sorted(set(values))) for values in (providers, models, projects)]
    ids = tuple(sorted({str(device) for device in devices}))
    filters = Filters(name, days[0], days[1], texts[0], texts[1], texts[2], ids)
    given_again = parse_qs(filters.query_string())
    again = parse_filters(
        range_name=given_again.get("range", [None])[0],
        first=given_again.get("from", [None])[0],
        last=given_again.get("to", [None])[0],
        providers=given_again.get("provider", ()),
        models=given_again.get("model", ()),
        projects=given_again.get("project", ()),
        devices=given_again.get("device", ()),
    )
    assert again == filters


@pytest.mark.parametrize(
    "given_values",
    [
        {"range_name": "yesterday"},
        {"range_name": ""},
        {"range_name": "custom"},
        {"range_name": "custom", "first": DAY},
        {"range_name": "last_7d", "first": DAY, "last": DAY},
        {"first": DAY},
        {"first": "2026-03-09", "last": DAY},
        {"first": "20260308", "last": DAY},
        {"first": "2026-W10-7", "last": DAY},
        {"first": "2026-02-30", "last": DAY},
        {"first": "1999-01-01", "last": DAY},
        {"first": "2020-01-01", "last": "2099-01-01"},
        {"first": "\u0662026-03-08", "last": DAY},
        {"devices": ["not-a-device"]},
        {"projects": ["x" * 256]},
        {"models": [",".join(map(str, range(201)))]},
    ],
)
def test_what_cannot_be_understood_is_refused_without_repeating_it(given_values: dict[str, object]):
    with pytest.raises(FilterError) as refused:
        parse_filters(**given_values)  # pyright: ignore[reportArgumentType]
    assert "yesterday" not in str(refused.value)
    assert "not-a-device" not in str(refused.value)


def test_two_days_alone_are_a_custom_range():
    assert parse_filters(first=DAY, last=DAY) == Filters(RangeName.CUSTOM, date(2026, 3, 8), date(2026, 3, 8))


def test_devices_are_ids_in_their_normal_form():
    wanted = uuid.uuid4()
    assert parse_filters(devices=[str(wanted).upper()]).devices == (str(wanted),)


@given(st.uuids(), st.integers(0, 36))
def test_a_beginning_of_an_id_bounds_the_ids_that_begin_with_it(wanted: uuid.UUID, length: int):
    prefix = str(wanted)[:length].upper()
    bounds = id_bounds(prefix)
    assert bounds is not None
    low, high = bounds
    assert low <= wanted <= high
    for edge in (low, high):
        assert str(edge).startswith(prefix.lower())


@given(st.text(max_size=40))
def test_other_texts_bound_no_ids_or_sound_ones(text: str):
    bounds = id_bounds(text)
    assert bounds is None or str(bounds[0]).startswith(text.lower())


def test_an_empty_search_is_none():
    assert parse_search(None) is None
    assert parse_search("  ") is None
    with pytest.raises(FilterError):
        parse_search("x" * 256)


@given(st.integers(0, 4_000_000_000_000_000).map(from_micros), st.uuids())
def test_cursors_come_back_unchanged(at: datetime, request_id: uuid.UUID):
    position = Position(at, str(request_id))
    assert parse_cursor(encode_cursor(position)) == position


@given(st.text(max_size=120))
def test_other_cursors_are_refused(text: str):
    if text:
        with pytest.raises(FilterError):
            parse_cursor(text)
