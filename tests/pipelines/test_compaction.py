"""Compaction moves rows and loses, doubles or changes none, on both databases."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, select, text, update

from pipelines.compaction import CompactionResult, compact
from pipelines.compaction import run as compaction_run
from pipelines.compaction.plan import Unit, is_over, next_merge, tier
from pipelines.compaction.published import PublishedState
from pipelines.lake.landing import ORPHAN_GRACE, LandingWriter, sweep_orphans
from pipelines.lake.landing_lease import landed_bytes_stay
from pipelines.lake.ledger import landed_files
from pipelines.lake.paths import Home
from pipelines.lake.schema import LANDING_SCHEMA, ORIGIN_COLUMNS
from tests.conftest import on_sqlite
from tests.pipelines.lake_builder import NOON, Lake, calls, landing_table, named_id
from tests.pipelines.stored_rows import compacted_rows, files_on_disk, ledger_rows, live_files, stored_rows

BETA = named_id("workspace beta")
MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def lake(home: Home, engine: Engine) -> Lake:
    """An empty lake with people; nothing is built in these tests, they say themselves what is published."""
    made = Lake.at(home, engine)
    made.people()
    return made


def land(lake: Lake, count_of: int, name: str = "a", *, workspace: str | None = None, each: int = 2) -> None:
    workspace = workspace or lake.acme
    for number in range(count_of):
        rows = calls(each + number % 3, f"{name}{number}-")
        lake.land(workspace, named_id(f"device {workspace} laptop"), rows)


def run(lake: Lake, published: int = 10**9) -> CompactionResult:
    return compact(lake.home, lake.engine, lake.clock, published=PublishedState(published, {}))


def test_a_day_that_lasts_is_merged_as_soon_as_thirty_two_files_are_of_one_size(lake: Lake) -> None:
    land(lake, 31)
    assert run(lake).merges == 0
    land(lake, 1, "b")
    before, told = stored_rows(lake.home, lake.engine), ledger_rows(lake.engine)
    result = run(lake)
    assert (result.merges, result.files_before, result.files_after, result.damaged) == (1, 32, 1, [])
    assert len(live_files(lake.engine)) == 1
    assert stored_rows(lake.home, lake.engine) == before
    assert ledger_rows(lake.engine) == told


def test_a_day_that_is_over_becomes_one_file_in_landing_order(lake: Lake) -> None:
    land(lake, 5)
    lake.clock.instant = MIDNIGHT + timedelta(minutes=9)
    assert run(lake).merges == 0
    lake.clock.instant = MIDNIGHT + timedelta(minutes=11)
    before = stored_rows(lake.home, lake.engine)
    assert run(lake).rows == len(before)
    (path,) = live_files(lake.engine)
    table = pq.read_table(lake.home.landing / path, partitioning=None)
    assert table.schema.names == LANDING_SCHEMA.names
    places = list(zip(*(table[name].to_pylist() for name in ORIGIN_COLUMNS), strict=True))
    assert places == [(row["file_seq"], row["row"]) for row in before]
    (recorded,) = compacted_rows(lake.engine)
    assert (recorded["first_file_seq"], recorded["last_file_seq"]) == (1, 5)
    assert recorded["row_count"] == table.num_rows
    assert run(lake).merges == 0  # there is nothing left to gain


def test_compacted_files_are_compacted_again_in_landing_order(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.compaction.plan.FILES_PER_TIER", 3)
    land(lake, 2)
    land(lake, 1, "large", each=200)  # of another size: the small ones around it go first
    land(lake, 2, "b")
    run(lake)
    land(lake, 4, "c")
    run(lake)
    assert len(compacted_rows(lake.engine)) == 2
    before = stored_rows(lake.home, lake.engine)
    lake.clock.instant = MIDNIGHT + timedelta(hours=1)
    assert run(lake).files_before == 2
    assert stored_rows(lake.home, lake.engine) == before
    assert [row["superseded_at_us"] is None for row in compacted_rows(lake.engine)] == [False, False, True]


def test_a_file_that_comes_after_its_day_joins_the_days_file(lake: Lake) -> None:
    land(lake, 3)
    lake.clock.instant = MIDNIGHT + timedelta(hours=1)
    run(lake)
    lake.land(lake.acme, lake.laptop, calls(2, "late"), received_at=NOON)
    before = stored_rows(lake.home, lake.engine)
    run(lake)
    assert len(live_files(lake.engine)) == 1
    assert stored_rows(lake.home, lake.engine) == before


def test_rows_that_are_not_published_stay_where_they_landed(lake: Lake) -> None:
    land(lake, 6)
    lake.clock.instant = MIDNIGHT + timedelta(hours=1)
    run(lake, published=4)
    with lake.engine.connect() as connection:
        held = connection.execute(
            select(landed_files.c.file_seq).where(landed_files.c.compacted_file_id.is_not(None))
        ).scalars()
        assert sorted(held) == [1, 2, 3, 4]


def test_each_compacted_file_holds_one_workspace(lake: Lake) -> None:
    for _ in range(3):
        land(lake, 1)
        land(lake, 1, workspace=BETA)
    before = stored_rows(lake.home, lake.engine)
    lake.clock.instant = MIDNIGHT + timedelta(hours=1)
    run(lake)
    assert stored_rows(lake.home, lake.engine) == before
    for path in live_files(lake.engine):
        table = pq.read_table(lake.home.landing / path, partitioning=None)
        assert {str(one) for one in table["workspace_id"].to_pylist()} == {path.split("/")[0]}


def test_a_damaged_file_is_named_and_the_other_workspace_goes_on(lake: Lake) -> None:
    land(lake, 3)
    land(lake, 3, workspace=BETA)
    victim = lake.home.landing / lake.landed_path(2)
    content = victim.read_bytes()
    victim.write_bytes(content[:60] + bytes([content[60] ^ 1]) + content[61:])
    lake.clock.instant = MIDNIGHT + timedelta(hours=1)
    result = run(lake)
    assert len(result.damaged) == 1
    assert victim.name in result.damaged[0]
    assert [path.split("/")[0] for path in live_files(lake.engine)].count(BETA) == 1
    assert [path.split("/")[0] for path in live_files(lake.engine)].count(lake.acme) == 3
    assert not [path for path in files_on_disk(lake.home) if ".part" in path]


@on_sqlite
def test_a_file_that_holds_other_rows_than_the_ledger_says_is_named(lake: Lake) -> None:
    land(lake, 3)
    with lake.engine.begin() as connection:
        wrong = update(landed_files).where(landed_files.c.file_seq == 2)
        connection.execute(wrong.values(input_tokens=landed_files.c.input_tokens + 1))
    lake.clock.instant = MIDNIGHT + timedelta(hours=1)
    result = run(lake)
    assert (result.merges, len(result.damaged), len(live_files(lake.engine))) == (0, 1, 3)
    assert "landing file 2" in result.damaged[0]
    assert not [path for path in files_on_disk(lake.home) if "compacted" in path]


@on_sqlite
def test_files_of_the_first_release_are_compacted_and_its_schema_file_is_renewed(lake: Lake) -> None:
    land(lake, 3)
    old = LANDING_SCHEMA.names[:-2]
    for seq in (1, 2):
        path = lake.home.landing / lake.landed_path(seq)
        pq.write_table(pq.read_table(path, partitioning=None).select(old), path, store_schema=False)
        digest = __import__("hashlib").sha256(path.read_bytes()).hexdigest()
        with lake.engine.begin() as connection:
            mine = update(landed_files).where(landed_files.c.file_seq == seq)
            connection.execute(mine.values(sha256=digest, byte_count=path.stat().st_size, schema_version=1))
    pq.write_table(LANDING_SCHEMA.empty_table().select(old), lake.home.empty_landing_file, store_schema=False)
    before = stored_rows(lake.home, lake.engine)
    lake.clock.instant = MIDNIGHT + timedelta(hours=1)
    assert run(lake).merges == 1
    assert stored_rows(lake.home, lake.engine) == before
    LandingWriter(lake.home).close()
    assert pq.read_schema(lake.home.empty_landing_file).names == LANDING_SCHEMA.names


def test_replaced_bytes_go_after_the_grace_and_not_while_somebody_needs_them(lake: Lake) -> None:
    land(lake, 3)
    originals = files_on_disk(lake.home)
    lake.clock.instant = MIDNIGHT + timedelta(hours=1)
    run(lake)
    lake.clock.advance(ORPHAN_GRACE)
    assert run(lake).deleted == []
    assert set(originals) < set(files_on_disk(lake.home))
    lake.clock.advance(timedelta(seconds=1))
    with landed_bytes_stay(lake.home):
        assert run(lake).deleted == []
    assert sorted(run(lake).deleted) == originals
    assert files_on_disk(lake.home) == live_files(lake.engine)


@on_sqlite
def test_what_the_ledger_does_not_know_is_only_touched_when_a_merge_left_it(lake: Lake) -> None:
    land(lake, 1)
    writer = LandingWriter(lake.home)
    table = landing_table(lake.acme, lake.laptop, named_id("b"), calls(1, "unacknowledged"), NOON)
    uncommitted = writer.write(lake.acme, "2026-11-20", table).relative_path
    folder = lake.home.landing_folder(lake.acme, "2026-11-20")
    abandoned = [folder / "compacted-abandoned.part", folder / "compacted-abandoned.parquet"]
    held = [folder / "compacted-held.part", folder / "compacted-held.parquet"]
    for path in (*abandoned, *held):
        path.write_bytes(b"PAR1")
    locks = [os.open(path, os.O_RDWR) for path in held]
    for lock in locks:
        fcntl.flock(lock, fcntl.LOCK_EX)
    assert [Path(path).name for path in run(lake).deleted] == ["compacted-abandoned.part"]
    lake.clock.instant = datetime.now(UTC) + timedelta(days=1)  # noqa: TID251 - files have the machine's time
    assert [Path(path).name for path in run(lake).deleted] == ["compacted-abandoned.parquet"]
    assert uncommitted in files_on_disk(lake.home)
    for lock in locks:
        os.close(lock)
    writer.close()
    swept = sweep_orphans(lake.home, lambda path: path in live_files(lake.engine), lake.clock)
    assert swept == [uncommitted]
    assert {path.name for path in held} <= {Path(path).name for path in files_on_disk(lake.home)}


@pytest.mark.parametrize("meanwhile", ["dropped", "compacted"])
def test_a_merge_that_was_overtaken_counts_for_nothing(
    lake: Lake, meanwhile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(lake, 3)
    lake.clock.instant = MIDNIGHT + timedelta(hours=1)
    real: Callable[..., None] = compaction_run.record_merge

    def overtaken(engine: Engine, merged: Any, clock: Any) -> None:
        if meanwhile == "compacted":
            real(engine, replace(merged, file_id=named_id("other"), relative_path="other"), clock)
        else:
            with engine.begin() as connection:
                connection.execute(text("update landed_files set dropped_at_us = 1 where file_seq = 2"))
        real(engine, merged, clock)

    monkeypatch.setattr(compaction_run, "record_merge", overtaken)
    result = run(lake)
    assert (result.merges, result.damaged) == (0, [])
    assert not [path for path in files_on_disk(lake.home) if "compacted" in path]
    ours = [row for row in compacted_rows(lake.engine) if row["file_id"] != named_id("other")]
    assert ours == []


def unit(seq: int, rows: int) -> Unit:
    return Unit(f"{seq}", "", 0, rows, seq, None)


def test_merging_ends_with_files_that_are_large_enough() -> None:
    units = [unit(seq, rows) for seq, rows in enumerate([1_500_000, 10, 3_000_000, 1_900_000, 700_000, 5, 5])]
    for step in range(20):
        chosen = next_merge(units, over=True)
        if not chosen:
            break
        assert sum(one.row_count for one in chosen) <= 4_000_000
        units = [one for one in units if one not in chosen]
        units.append(unit(100 + step, sum(one.row_count for one in chosen)))
    assert sum(one.row_count <= 2_000_000 for one in units) <= 1
    assert sum(one.row_count for one in units) == 7_100_020
    assert len(units) == 3


def test_tiers_and_days() -> None:
    assert [tier(rows) for rows in (1, 127, 128, 1023, 1024, 4_194_304)] == [0, 0, 1, 1, 2, 6]
    assert not is_over("2026-11-20", MIDNIGHT + timedelta(minutes=9))
    assert is_over("2026-11-20", MIDNIGHT + timedelta(minutes=10))
