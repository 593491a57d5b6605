"""Sums from memory are the sums DuckDB gives, of the asking workspace and of the asked build only."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.dashboards.filters import Filters
from api.dashboards.periods import DAY, RangeName, day_start, resolve
from api.dashboards.queries import roll_up_loading, spend
from api.dashboards.queries.asking import Asking, By
from api.dashboards.queries.dimensions import workspace_facts
from api.dashboards.queries.held import Held
from api.dashboards.queries.marts import Marts
from api.dashboards.queries.roll_up_loading import BUCKETS, DAYS, DAYS_BY_DEVICE, load
from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.paths import Home
from tests.api.dashboards.facts import (
    KIND_TOKENS,
    MODELS,
    NOW,
    PROJECTS,
    TOKENS,
    ZONES,
    device_id,
    one_request,
    workspace_id,
)
from tests.api.dashboards.snapshot import MEASURES
from tests.api.dashboards.world import World, build_world

ROLL_UPS = ("mart_spend_15min", "mart_spend_daily", "mart_spend_monthly")
COUNTS = (*MEASURES, *TOKENS, *KIND_TOKENS.values())
BUILD = "b20260407T030900-00000001"
VARIANTS = {
    "several rows a grain": "{name}",
    "eight bytes": "cast({name} as bigint)",
    "sums beyond 64 bits": "cast({name} * 10000000 as bigint)",
    "values beyond 64 bits": "{name} * (2::hugeint ** 40)::hugeint",
    "values beyond 96 bits": "{name} * (2::hugeint ** 80)::hugeint",
}
"""Name to what stands for the priced cost; other measures stay, so that answers stay plausible."""


@dataclass
class Pair:
    """One snapshot, asked in both ways."""

    sql: Marts
    memory: Marts


@pytest.fixture(scope="module", params=list(VARIANTS))
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    world = build_world(tmp_path_factory.mktemp("roll-ups"), rows_each=300)
    rewrite(world.home, VARIANTS[request.param])
    reader = SnapshotReader(world.home)
    snapshot = reader.current()
    yield Pair(Marts(snapshot), Marts(snapshot, Held()))
    assert snapshot is not None
    snapshot.close()
    reader.close()
    world.close()


def rewrite(home: Home, priced: str) -> None:
    """Split each row of the roll-ups in two that add up to it, in no order, and write prices otherwise."""
    with duckdb.connect(str(home.marts / f"marts-{BUILD}.duckdb")) as connection:
        for table in ROLL_UPS:
            sized = {name: f"cast({name} as bigint)" for name in COUNTS} if "bigint" in priced else {}
            replaced = {**sized, "cost_priced_picousd": priced.format(name="cost_priced_picousd")}
            columns = ", ".join(f"{sql} as {name}" for name, sql in replaced.items())
            connection.execute(f"create table rewritten as select * replace ({columns}) from {table}")
            halves = ", ".join(f"{name} // 2 as {name}" for name in COUNTS)
            others = ", ".join(f"{name} - {name} // 2 as {name}" for name in COUNTS)
            connection.execute(
                f"create or replace table {table} as select * from (select * replace ({halves}) from rewritten"
                f" union all select * replace ({others}) from rewritten) order by hash(requests, local_day)"
                if table == "mart_spend_daily"
                else f"create or replace table {table} as select * replace ({halves}) from rewritten"
                f" union all select * replace ({others}) from rewritten"
            )
            connection.execute("drop table rewritten")


def some(values: list[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from([*values, "no such"]), max_size=3, unique=True).map(
        lambda found: tuple(sorted(found))
    )


CUSTOM = st.tuples(st.dates(date(2026, 1, 1), date(2026, 4, 10)), st.integers(1, 90))
NAMED = st.sampled_from([name for name in RangeName if name is not RangeName.CUSTOM])
GROUPINGS = st.lists(
    st.sampled_from([By.DAY, By.PROVIDER, By.MODEL, By.PROJECT, By.DEVICE]), max_size=3, unique=True
).map(tuple)


@st.composite
def questions(draw: st.DrawFn) -> tuple[Asking, Any, tuple[By, ...], datetime]:
    slug = draw(st.sampled_from(sorted(ZONES)))
    devices = draw(st.lists(st.integers(0, 3), max_size=2, unique=True))
    filters = Filters(
        providers=draw(some([provider for provider, _ in MODELS])),
        models=draw(some([model for _, model in MODELS])),
        projects=draw(some([name or "(not shared)" for name in PROJECTS])),
        devices=tuple(sorted(device_id(slug, number) for number in devices)),
    )
    zone = draw(st.sampled_from([ZONES[slug], *ZONES.values()]))
    now = NOW + draw(st.timedeltas(timedelta(days=-9), timedelta(days=3)))
    name = draw(st.one_of(NAMED, st.just(RangeName.CUSTOM)))
    first, length = draw(CUSTOM) if name is RangeName.CUSTOM else (None, 0)
    period = resolve(name, first, first and first + (length - 1) * DAY, now, zone)
    by = draw(GROUPINGS)
    if period.current.grain == "15min" and draw(st.booleans()):
        by = (*by, By.BUCKET)
    return Asking(workspace_id(slug), zone, filters), period, by, now


def everything(marts: Marts, asking: Asking, period: Any, by: tuple[By, ...]) -> dict[str, Any]:
    """Return the answer of every function that sums."""
    month = period.today.replace(day=1)
    begin, end = (day_start(day, asking.time_zone) for day in (period.today - 2 * DAY, period.today + DAY))
    found: dict[str, Any] = {"withheld": [], "spend": [], "money": []}
    for span in (period.current, period.previous):
        found["withheld"].append(spend.withheld(marts, asking, span))
        found["spend"].append(spend.spend(marts, asking, span, *by))
        found["money"].append(spend.money(marts, asking, span, *by))
    if by:
        found["each"] = spend.spend_and_money(marts, asking, period.current, by, (By.PROVIDER,), by[:1])
    if period.current.grain == "day":
        found["days"] = spend.days_with_requests(marts, asking, period.current)
    return found | {
        "months": spend.money_by_month(marts, asking, (month - DAY).replace(day=1), month),
        "last active": spend.last_active_days(marts, asking),
        "buckets": spend.buckets_with_requests(marts, asking, begin, end),
        "distinct": spend.distinct(marts, asking.workspace_id, By.PROVIDER, By.MODEL),
        "devices": spend.distinct(marts, asking.workspace_id, By.DEVICE),
    }


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(question=questions())
def test_memory_and_duckdb_give_the_same_sums(pair: Pair, question: Any):
    asking, period, by, _ = question
    assert everything(pair.memory, asking, period, by) == everything(pair.sql, asking, period, by)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(question=questions(), rows=st.sampled_from([0, 40, 400, 900]))
def test_what_is_too_large_to_be_held_whole_is_answered_the_same(world: World, question: Any, rows: int):
    asking, period, by, _ = question
    with pytest.MonkeyPatch.context() as patch, leased(world) as sql:
        patch.setattr(roll_up_loading, "ROWS_MAX", rows)
        memory = Marts(sql.snapshot, Held())
        assert everything(memory, asking, period, by) == everything(sql, asking, period, by)


def test_the_newest_days_are_held_when_not_all_are_few_enough(world: World, monkeypatch: pytest.MonkeyPatch):
    with leased(world) as marts:
        mine = workspace_id("acme")
        whole = load(marts, mine, DAYS)
        assert whole is not None
        assert whole.covers(None)
        monkeypatch.setattr(roll_up_loading, "ROWS_MAX", 400)
        part = load(marts, mine, DAYS)
        assert part is not None
        assert part.since is not None
        assert not part.covers(None)
        assert not part.covers((part.since - 1, part.since + 9))
        assert part.covers((part.since, part.since + 9))
        assert 0 < part.nbytes < whole.nbytes
        monkeypatch.setattr(roll_up_loading, "ROWS_MAX", 0)
        assert load(marts, mine, DAYS) is None


def test_only_the_newest_days_of_buckets_are_held(world: World):
    with leased(world) as marts:
        held = load(marts, workspace_id("acme"), BUCKETS)
    assert held is not None
    assert held.since is not None
    two_days_back = int((NOW - timedelta(days=2)).timestamp()) * 1_000_000
    assert held.covers((two_days_back, two_days_back + 1))


def test_once_read_a_roll_up_is_not_asked_of_duckdb_again(world: World, monkeypatch: pytest.MonkeyPatch):
    with leased(world) as sql:
        memory = Marts(sql.snapshot, Held())
        asking = Asking(workspace_id("acme"), ZONES["acme"], Filters())
        periods = [
            resolve(name, None, None, NOW, asking.time_zone) for name in RangeName if name is not RangeName.CUSTOM
        ]
        narrowed = Asking(asking.workspace_id, asking.time_zone, Filters(models=("gpt-5",)))
        expected = [everything(sql, narrowed, period, (By.DEVICE, By.DAY)) for period in periods]
        for period in periods:
            everything(memory, asking, period, (By.DEVICE,))

        def refuse(*_: object) -> None:
            raise AssertionError("DuckDB was asked")

        monkeypatch.setattr(Marts, "rows", refuse)
        monkeypatch.setattr(Marts, "table", refuse)
        assert [everything(memory, narrowed, period, (By.DEVICE, By.DAY)) for period in periods] == expected


@pytest.mark.parametrize("source", [DAYS, DAYS_BY_DEVICE, BUCKETS], ids=lambda source: source.table)
def test_one_workspace_never_gets_what_another_left(world: World, source: Any):
    held = Held()
    by = (By.DEVICE,) if source is not DAYS else (By.PROJECT,)
    name = RangeName.LAST_24_HOURS if source is BUCKETS else RangeName.THIS_MONTH
    with leased(world) as sql:
        memory = Marts(sql.snapshot, held)
        for _ in range(2):
            for slug, zone in ZONES.items():
                asking = Asking(workspace_id(slug), zone, Filters())
                span = resolve(name, None, None, NOW, zone).current
                sums = spend.spend(memory, asking, span, *by)
                assert sums == spend.spend(sql, asking, span, *by)
                assert sum(one.requests for one in sums.values()) == len(
                    world.visible(slug, lambda row, span=span: span.starts_at <= row["requested_at"] < span.ends_at)
                )


def test_a_lease_is_answered_from_its_own_build_and_only_the_newest_stays_held(fresh_world: Any):
    world: World = fresh_world(rows_each=60)
    reader, held = SnapshotReader(world.home), Held()
    asking = Asking(workspace_id("acme"), ZONES["acme"], Filters())
    span = resolve(RangeName.THIS_MONTH, None, None, NOW, asking.time_zone).current

    def requests(snapshot: Any) -> int:
        return sum(one.requests for one in spend.money(Marts(snapshot, held), asking, span).values())

    before = reader.current()
    first = requests(before)
    world.rows += [row for row in more_rows(20) if row["workspace_id"] == asking.workspace_id]
    world.publish("b20260407T031000-00000002")
    after = reader.current()
    assert requests(after) == first + 20
    fresh = Held()
    assert spend.money(Marts(after, fresh), asking, span)[()].requests == first + 20
    assert held.roll_up_bytes == fresh.roll_up_bytes
    assert (requests(before), requests(after), requests(before)) == (first, first + 20, first)
    for snapshot in (before, after):
        assert snapshot is not None
        snapshot.close()
    reader.close()


def test_a_memory_too_small_for_anything_still_answers(world: World):
    with leased(world) as sql:
        asking = Asking(workspace_id("acme"), ZONES["acme"], Filters())
        span = resolve(RangeName.LAST_30_DAYS, None, None, NOW, asking.time_zone).current
        held = Held(roll_ups_max_bytes=1_000)
        assert spend.money(Marts(sql.snapshot, held), asking, span) == spend.money(sql, asking, span)
        assert held.roll_up_bytes == 0


def test_the_age_of_the_data_is_the_workspaces_own(world: World):
    with leased(world) as sql:
        for marts in (sql, Marts(sql.snapshot, Held())):
            for slug in ZONES:
                mine = [row["received_at"] for row in world.rows if row["workspace_id"] == workspace_id(slug)]
                assert workspace_facts(marts, workspace_id(slug)).data_as_of == max(mine).astimezone(UTC)
            assert workspace_facts(marts, workspace_id("empty")).data_as_of is None


class leased:  # noqa: N801 - reads as a function
    """A lease on the world's snapshot, asked by DuckDB alone."""

    def __init__(self, world: World) -> None:
        self._reader = SnapshotReader(world.home)

    def __enter__(self) -> Marts:
        self._snapshot = self._reader.current()
        return Marts(self._snapshot)

    def __exit__(self, *_: object) -> None:
        assert self._snapshot is not None
        self._snapshot.close()
        self._reader.close()


def more_rows(count: int) -> list[dict[str, Any]]:
    """Return visible requests of acme of this month."""
    found: list[dict[str, Any]] = []
    for number in range(10_000, 20_000):
        row = one_request("acme", number, random.Random(number))
        if row["withheld_reason"] is None and row["requested_at"] >= datetime(2026, 4, 2, tzinfo=UTC):
            found.append(row)
        if len(found) == count:
            break
    return found
