"""Single requests from row files are what DuckDB answers from the segments, whatever the rows are like."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.dashboards.filters import Filters
from api.dashboards.queries import requests as queries
from api.dashboards.queries.marts import Marts
from api.dashboards.queries.requests import Position, RequestRow
from pipelines.lake import row_lookup
from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.paths import Home
from tests.row_file_homes import NAMES, WORKSPACES, Shape, publish_rows

ALWAYS = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
SHAPES = st.builds(
    Shape,
    seed=st.integers(0, 10**6),
    sizes=st.lists(st.sampled_from((0, 1, 5, 127, 128, 129, 300)), min_size=1, max_size=7).filter(sum).map(tuple),
    instants=st.sampled_from((1, 3, 40, 10**4)),
    hidden=st.booleans(),
)


@contextmanager
def marts_of(shape: Shape, *, row_files: bool = True) -> Iterator[Marts]:
    with TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        publish_rows(home, shape, row_files=row_files)
        with opened(home) as marts:
            yield marts


@contextmanager
def opened(home: Home) -> Iterator[Marts]:
    reader = SnapshotReader(home)
    snapshot = reader.current()
    assert snapshot is not None
    with snapshot:
        yield Marts(snapshot)
    reader.close()


def quick(marts: Marts, workspace: UUID, limit: int, after: Position | None = None, bounds: Any = ALWAYS) -> Any:
    return queries.newest(marts, str(workspace), bounds, limit=limit, after=after)


def slow(marts: Marts, workspace: UUID, limit: int, after: Position | None = None, bounds: Any = ALWAYS) -> Any:
    return queries.page(marts, str(workspace), bounds, Filters(), limit=limit, after=after)


def place(row: RequestRow) -> Position:
    return Position(row.requested_at, row.request_id)


def by_id(marts: Marts, workspace: UUID, request_id: UUID) -> dict[str, Any] | None:
    assert marts.snapshot is not None
    found = marts.snapshot.look_up(lambda rows: rows.by_id(workspace, request_id))
    assert found is not None
    return found[0]


def typed(record: dict[str, Any] | None) -> Any:
    return None if record is None else {name: (type(value), value) for name, value in record.items()}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shape=SHAPES, limit=st.sampled_from((1, 7, 100)))
def test_both_ways_give_the_same_rows(shape: Shape, limit: int) -> None:
    with marts_of(shape) as marts:
        everything = {workspace: slow(marts, workspace, 10**6) for workspace in WORKSPACES}
        for workspace, rows in everything.items():
            after = None
            paged: list[RequestRow] = []
            while found := quick(marts, workspace, limit, after):
                paged += found
                after = place(found[-1])
            assert paged == rows
            for position in {0, len(rows) // 3, len(rows) - 1} & set(range(len(rows))):
                instant = rows[position].requested_at
                for bounds in ((instant, ALWAYS[1]), (ALWAYS[0], instant), (instant, instant + timedelta.resolution)):
                    assert quick(marts, workspace, limit, None, bounds) == slow(marts, workspace, limit, None, bounds)
        ids = marts.rows("select distinct request_id from fct_requests order by hash(request_id) limit 8", {})
        for request_id in [*(one for (one,) in ids), uuid5(NAMES, "nobody's")]:
            for workspace in WORKSPACES:
                slowly = queries._one_in_facts(marts, str(workspace), request_id)
                assert typed(by_id(marts, workspace, request_id)) == typed(slowly)


ONE = Shape(seed=7, sizes=(900, 40, 300), instants=300, hidden=True)


def test_a_request_is_nobody_elses() -> None:
    with marts_of(Shape(seed=7, sizes=(901,), instants=300, hidden=True)) as marts:
        ((lonely,),) = marts.rows("select request_id from fct_requests group by 1 having count(*) = 1", {})
        found = [by_id(marts, workspace, lonely) for workspace in WORKSPACES]
        assert [one is not None for one in found] == [True, False, False]
        assert by_id(marts, uuid5(NAMES, "no workspace"), lonely) is None
        assert quick(marts, uuid5(NAMES, "no workspace"), 5) == []


def test_withheld_requests_are_in_no_page_but_found_by_id() -> None:
    with marts_of(ONE) as marts:
        withheld = marts.rows("select workspace_id, request_id from fct_requests where withheld_reason is not null", {})
        assert len({workspace for workspace, _ in withheld}) == 2
        pages = {workspace: quick(marts, workspace, 10**6) for workspace in WORKSPACES}
        shown = {(workspace, UUID(row.request_id)) for workspace, rows in pages.items() for row in rows}
        assert shown.isdisjoint(withheld)
        assert len(shown) + len(withheld) == 1240
        for workspace, request_id in withheld[:20]:
            found = by_id(marts, workspace, request_id)
            assert found is not None
            assert found["withheld_reason"] == "archived"


def test_a_page_of_too_many_batches_is_left_to_duckdb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_lookup, "BATCHES_READ_MAX", 3)
    with marts_of(Shape(seed=7, sizes=(2000,), instants=1, hidden=False)) as marts:
        assert quick(marts, WORKSPACES[0], 5) is None
        assert quick(marts, WORKSPACES[0], 10**6) is None
        # ... and only that page.
        assert queries.one(marts, str(WORKSPACES[0]), UUID(slow(marts, WORKSPACES[0], 1)[0].request_id)) is not None
        assert quick(marts, uuid5(NAMES, "no workspace"), 5) == []


def test_without_all_row_files_duckdb_answers() -> None:
    with marts_of(ONE, row_files=False) as marts:
        assert quick(marts, WORKSPACES[0], 5) is None
        newest = slow(marts, WORKSPACES[0], 1)[0]
        found = queries.one(marts, str(WORKSPACES[0]), UUID(newest.request_id))
        assert found is not None
        assert queries.row_of(found) == newest
        assert queries.one(marts, str(WORKSPACES[0]), uuid5(NAMES, "nobody's")) is None
