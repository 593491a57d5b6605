"""Roll-ups published in parts: what changed is written again, and nothing else; readers see tables as before."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.lake.catalog import quoted
from pipelines.lake.part_views import Part, by_table, rows_of
from pipelines.lake.paths import Home
from pipelines.publish import snapshot_files
from pipelines.refresh import refresh
from pipelines.roll_up_parts import DAYS_APART, ROLL_UPS, publish_parts
from pipelines.snapshot_cleanup import SNAPSHOTS_KEPT, SUPERSEDED_KEPT, clean_marts
from tests.pipelines.lake_builder import Lake, calls
from tests.pipelines.published import ask, everything
from tests.pipelines.published_parts import published_snapshot

FIRST = date(2026, 1, 28)
DAYS = 40
BOOKKEEPING = ("last_file_seq", "visibility_version")
WORKSPACES = ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002")
EDITS = {
    "a sum grew": "update {mart} set cost_priced_picousd = cost_priced_picousd + 1 where {here}",
    "a row went": "delete from {mart} where {here} and device_id = uuid '" + WORKSPACES[0] + "'",
    "a period emptied": "delete from {mart} where {here}",
    "a row is withheld": "update {mart} set withheld_reason = 'project_archived' where {here}",
    "a row was doubled": "insert into {mart} from {mart} where {here} limit 1",
    "a row got another project": "update {mart} set project = 'c' where {here}",
}


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """Roll-ups of two workspaces over forty days, with the columns that matter."""
    with duckdb.connect() as connection:
        connection.execute(
            "create table mart_spend_15min as select workspace_id::uuid as workspace_id, project, device_id::uuid as"
            " device_id, null::varchar as withheld_reason, (day + interval 9 hour)::timestamp as bucket_starts_at, day"
            " as utc_day, (1 + hash(day, project) % 5)::hugeint as requests, (hash(day) % 1000)::hugeint as"
            " cost_priced_picousd, 1::bigint as last_file_seq, 1::bigint as visibility_version"
            f" from (select date '{FIRST}' + i::integer as day from range({DAYS}) as numbers(i)),"
            f" (select unnest({list(WORKSPACES)}) as workspace_id), (select unnest(['a', 'b']) as project),"
            f" (select unnest({list(WORKSPACES)}) as device_id)"
        )
        connection.execute(
            "create table mart_spend_daily as select workspace_id, project, device_id, withheld_reason, utc_day as"
            " local_day, requests, cost_priced_picousd, last_file_seq, visibility_version from mart_spend_15min"
        )
        connection.execute(
            "create table mart_spend_monthly as select workspace_id, project, device_id, withheld_reason,"
            " date_trunc('month', local_day)::date as local_month, sum(requests) as requests, sum(cost_priced_picousd)"
            " as cost_priced_picousd from mart_spend_daily group by all"
        )
        yield connection


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "a home, moved")


def shown(connection: duckdb.DuckDBPyConnection, home: Home, parts: list[Part]) -> dict[str, list[Any]]:
    """Return all rows of every roll-up as readers see them, sorted."""
    return {
        table: connection.execute(
            f"from ({rows_of(its, lambda name: quoted(home.roll_up_parts / name))}) order by all"
        ).fetchall()
        for table, its in by_table(parts).items()
    }


def stored(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Any]]:
    """Return what the warehouse holds, sorted, without bookkeeping."""
    rows = {
        one.name: connection.execute(
            f"select columns(lambda name: name not in {BOOKKEEPING}) from {one.source} order by all"
        ).fetchall()
        for one in ROLL_UPS
        if one.summed_over is None
    }
    rows["spend_daily_without_devices"] = connection.execute(
        "select workspace_id, project, withheld_reason, local_day, sum(requests), sum(cost_priced_picousd)"
        " from mart_spend_daily group by all order by all"
    ).fetchall()
    return rows


def test_newest_days_stand_alone_and_older_ones_with_their_month(
    warehouse: duckdb.DuckDBPyConnection, home: Home
) -> None:
    parts = publish_parts(warehouse, home, [])
    newest = FIRST + timedelta(days=DAYS - 1)
    apart = [(newest - timedelta(days=back)).isoformat() for back in reversed(range(DAYS_APART))]
    periods = {table: [part.period for part in its] for table, its in by_table(parts).items()}
    assert periods["mart_spend_15min"] == ["2026-01", "2026-02", *apart]
    assert periods["mart_spend_daily"] == periods["spend_daily_without_devices"] == periods["mart_spend_15min"]
    assert periods["mart_spend_monthly"] == ["2026-01", "2026-02", "2026-03"]
    assert shown(warehouse, home, parts) == stored(warehouse)


def test_nothing_changed_means_nothing_is_written(warehouse: duckdb.DuckDBPyConnection, home: Home) -> None:
    base = publish_parts(warehouse, home, [])
    identities = {path: path.stat().st_ino for path in home.roll_up_parts.iterdir()}
    warehouse.execute("update mart_spend_15min set last_file_seq = 9, visibility_version = 3")
    assert publish_parts(warehouse, home, base) == base
    assert {path: path.stat().st_ino for path in home.roll_up_parts.iterdir()} == identities


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("day", [FIRST + timedelta(days=2), FIRST + timedelta(days=DAYS - 3)], ids=["old", "recent"])
def test_a_changed_period_is_written_again_and_no_other(
    warehouse: duckdb.DuckDBPyConnection, home: Home, edit: str, day: date
) -> None:
    base = publish_parts(warehouse, home, [])
    here = f"utc_day = date '{day}' and workspace_id = uuid '{WORKSPACES[1]}' and project = 'b'"
    if edit == "a period emptied":
        here = f"utc_day = date '{day}'"
    warehouse.execute(EDITS[edit].format(mart="mart_spend_15min", here=here))
    before, after = (
        {(one.table_name, one.period): one.name for one in parts} for parts in (base, again(warehouse, home, base))
    )
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    recent = day >= FIRST + timedelta(days=DAYS - DAYS_APART)
    assert changed == {("mart_spend_15min", day.isoformat() if recent else f"{day:%Y-%m}")}


def test_random_edits_are_always_shown(warehouse: duckdb.DuckDBPyConnection, home: Home) -> None:
    chance = random.Random(20260131)
    parts = publish_parts(warehouse, home, [])
    for _ in range(25):
        for one in ROLL_UPS:
            if one.summed_over is None and chance.random() < 0.7:
                day = FIRST + timedelta(days=chance.randrange(DAYS))
                day = day.replace(day=1) if one.in_months else day
                here = f"{one.day} = date '{day}' and project = '{chance.choice('ab')}'"
                warehouse.execute(EDITS[chance.choice(sorted(EDITS))].format(mart=one.source, here=here))
        parts = again(warehouse, home, parts)


def again(connection: duckdb.DuckDBPyConnection, home: Home, base: list[Part]) -> list[Part]:
    """Publish once more; readers must see just what the warehouse holds."""
    parts = publish_parts(connection, home, base)
    assert shown(connection, home, parts) == stored(connection)
    return parts


def test_sums_beyond_64_bits_stay_exact_beside_narrow_ones(warehouse: duckdb.DuckDBPyConnection, home: Home) -> None:
    base = publish_parts(warehouse, home, [])
    assert {one.wide_columns for one in base} == {""}
    warehouse.execute(
        f"update mart_spend_15min set cost_priced_picousd = 2::hugeint ** 80 + 1 where utc_day = date '{FIRST}'"
    )
    parts = again(warehouse, home, base)
    assert [one.period for one in parts if one.wide_columns] == ["2026-01"]
    rows = rows_of(by_table(parts)["mart_spend_15min"], lambda name: quoted(home.roll_up_parts / name))
    kinds = {name: kind for name, kind, *_ in warehouse.execute(f"describe {rows}").fetchall()}
    assert (kinds["cost_priced_picousd"], kinds["requests"]) == ("HUGEINT", "BIGINT")


def test_roll_ups_without_a_row_are_tables_all_the_same(warehouse: duckdb.DuckDBPyConnection, home: Home) -> None:
    for one in ROLL_UPS:
        warehouse.execute(f"delete from {one.source}")
    parts = publish_parts(warehouse, home, [])
    assert shown(warehouse, home, parts) == {one.name: [] for one in ROLL_UPS}
    assert publish_parts(warehouse, home, parts) == parts


def part_names(home: Home) -> set[str]:
    files = snapshot_files(home, published_snapshot(home).name)
    assert files is not None
    return {one.name for one in files.parts}


def test_builds_share_the_parts_of_days_that_did_not_change_until_no_snapshot_names_them(lake: Lake) -> None:
    home = lake.home
    oldest = part_names(home)
    yesterday = lake.clock.now() - timedelta(days=2)
    lake.land(lake.acme, lake.laptop, [{**one, "requested_at": yesterday} for one in calls(3, "another day")])
    refresh(home, lake.engine, lake.clock)
    after = part_names(home)
    assert after & oldest
    assert after - oldest
    incremental = everything(home)
    refresh(home, lake.engine, lake.clock, full=True)
    assert everything(home) == incremental
    for number in range(SNAPSHOTS_KEPT - 2):
        lake.land(lake.acme, lake.laptop, calls(1, f"build {number}"))
        refresh(home, lake.engine, lake.clock)
    (home.roll_up_parts / "0123456789abcdef0123456789abcdef.parquet").touch()
    clean_marts(home, lake.clock.now() + SUPERSEDED_KEPT + timedelta(minutes=1))
    kept = [snapshot_files(home, path.name) for path in home.marts.glob("marts-b*.duckdb")]
    named = {part.name for files in kept if files is not None for part in files.parts}
    assert len(kept) == SNAPSHOTS_KEPT
    assert {path.name for path in home.roll_up_parts.iterdir()} == named
    assert not oldest <= named


def test_what_a_killed_build_left_goes_with_the_next_refresh_though_it_has_nothing_to_do(lake: Lake) -> None:
    left = lake.home.roll_up_parts / "0123456789abcdef0123456789abcdef.parquet"
    left.touch()
    before = part_names(lake.home)
    assert refresh(lake.home, lake.engine, lake.clock).rows_new == 0
    assert {path.name for path in lake.home.roll_up_parts.iterdir()} == before


def test_a_snapshot_opened_without_us_shows_its_roll_ups(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    query = "select sum(requests), count(*) from mart_spend_daily"
    expected = ask(lake.home, query)
    moved = lake.home.root.rename(lake.home.root.with_name("elsewhere"))
    snapshot = published_snapshot(Home(moved))
    monkeypatch.chdir(moved / "marts")
    with duckdb.connect(snapshot, read_only=True) as connection:
        assert connection.execute(query).fetchall() == expected
    monkeypatch.chdir("/")
    with duckdb.connect(snapshot, read_only=True) as connection:
        connection.execute(f"set file_search_path = {quoted(moved / 'marts')}")
        assert connection.execute(query).fetchall() == expected
