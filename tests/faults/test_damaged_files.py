"""Files torn, flipped or gone: landed ones are named and never used, derived ones are built anew with equal totals."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.build import Build, BuildError, verify_landed_files
from pipelines.control_plane import read_control_plane
from pipelines.dbt_runner import warm_dbt
from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from pipelines.landed_export import LandedFileRow
from pipelines.refresh import RefreshFailed, refresh
from pipelines.run_history import run_history
from pipelines.verify.ledger_checks import check_files, read_ledger
from pipelines.verify.report import VerifyReport
from tests.faults.builds.built_home import shared_built_home
from tests.pipelines.lake_builder import Lake, calls
from tests.pipelines.published import everything

FILES = 6
FLIPS = 1_000
POINTER_FLIPS, LONG_POINTER_FLIPS = 12, 400
ATTEMPTS_TO_HEAL = 3
"""A build that fails is tried once more on the same warehouse, then everything is built anew."""

Damage = Callable[[Path, random.Random], None]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, upgraded_sqlite: Path) -> Iterator[Lake]:
    """A lake of several landed files, published; every test leaves it whole."""
    home = Home(tmp_path_factory.mktemp("damaged") / "home")
    shutil.copytree(shared_built_home(tmp_path_factory, upgraded_sqlite), home.root)
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        engine = open_database(home.database_url)
        lake = Lake(home, engine)
        while len(landed(lake)) < FILES:
            lake.land(lake.acme, lake.laptop, calls(20, f"file {len(landed(lake))} call "))
        refresh(home, engine, lake.clock)
        yield lake
        run_history(home).dispose()
        engine.dispose()


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.config.getoption("--seed"))


def landed(lake: Lake) -> list[LandedFileRow]:
    return read_control_plane(lake.engine, lake.home, lake.clock.now().date()).landed


def landed_paths(lake: Lake) -> list[Path]:
    return [lake.home.landing / one.stored.relative_path for one in landed(lake) if one.stored is not None]


def flip(path: Path, chance: random.Random, bits: int = 1) -> None:
    content = bytearray(path.read_bytes())
    for bit in chance.sample(range(len(content) * 8), bits):
        content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def missing(path: Path, _chance: random.Random) -> None:
    path.unlink()


def truncated(path: Path, _chance: random.Random) -> None:
    os.truncate(path, path.stat().st_size // 2)


def corrupted(path: Path, chance: random.Random) -> None:
    flip(path, chance, bits=max(8, path.stat().st_size // 2_000))


WAYS: dict[str, Damage] = {"missing": missing, "truncated": truncated, "corrupted": corrupted}


def test_a_torn_landed_file_is_named_and_the_last_good_build_is_served(lake: Lake) -> None:
    before = everything(lake.home)
    reader = SnapshotReader(lake.home)
    for path in landed_paths(lake):
        whole = path.read_bytes()
        for size in (0, 3, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:size])
            with pytest.raises(BuildError, match=path.name):
                verify_landed_files(lake.home, landed(lake))
        with pytest.raises(RefreshFailed, match=path.name):
            refresh(lake.home, lake.engine, lake.clock, full=True)
        path.write_bytes(whole)
        snapshot = reader.current()
        assert snapshot is not None
        with snapshot:
            assert snapshot.rows_total == len(before["fct_requests"])
    reader.close()
    assert everything(lake.home) == before


def test_every_flipped_bit_of_a_landed_file_is_noticed_and_named(lake: Lake, chance: random.Random) -> None:
    paths, rows = landed_paths(lake), landed(lake)
    wholes = {path: path.read_bytes() for path in paths}
    assert len(paths) >= FILES
    verify_landed_files(lake.home, rows)
    for number in range(FLIPS):
        path = paths[number % len(paths)]
        flip(path, chance)
        with pytest.raises(BuildError, match=f"{path.name} is damaged"):
            verify_landed_files(lake.home, rows)
        if number % 50 == 0:
            report = VerifyReport()
            check_files(lake.home, read_ledger(lake.engine), report)
            assert [one for one in report.differences if path.name in one] == report.differences != []
        path.write_bytes(wholes[path])
    verify_landed_files(lake.home, rows)


def test_damaged_exports_are_written_again_even_when_nothing_else_changed(lake: Lake, chance: random.Random) -> None:
    exports = sorted(lake.home.exports.glob("*.parquet"))
    assert {"rate_book.parquet", "local_days.parquet", "model_aliases.parquet"} < {path.name for path in exports}
    before = everything(lake.home)
    wholes = {path: pq.read_table(path) for path in exports}
    for damage in WAYS.values():
        for path in (*exports, lake.home.exports / "model_pairs.json", lake.home.empty_landing_file):
            damage(path, chance)
        assert refresh(lake.home, lake.engine, lake.clock).rows_new == 0
        assert {path: pq.read_table(path) for path in exports} == wholes
        assert pq.read_table(lake.home.empty_landing_file).num_rows == 0
    assert everything(lake.home) == before


def test_no_flipped_bit_of_the_pointer_passes_for_up_to_date(
    lake: Lake, chance: random.Random, request: pytest.FixtureRequest
) -> None:
    whole = lake.home.current_pointer.read_bytes()
    for _ in range(LONG_POINTER_FLIPS if request.config.getoption("--long") else POINTER_FLIPS):
        flip(lake.home.current_pointer, chance)
        found = Build(lake.home, lake.engine, lake.clock, warm_dbt(lake.home)).already_published()
        lake.home.current_pointer.write_bytes(whole)
        assert found is None
    assert Build(lake.home, lake.engine, lake.clock, warm_dbt(lake.home)).already_published() is not None


def pointer(home: Home) -> list[Path]:
    return [home.current_pointer]


def snapshots(home: Home) -> list[Path]:
    return list(home.marts.glob("marts-*.duckdb"))


def segments(home: Home) -> list[Path]:
    return list(home.segments.glob("*.parquet"))


def roll_up_parts(home: Home) -> list[Path]:
    return list(home.roll_up_parts.glob("*.parquet"))


def row_files(home: Home) -> list[Path]:
    return list(home.segments.glob("*.rows"))


def warehouse(home: Home) -> list[Path]:
    return [home.warehouse]


def write_ahead_log(home: Home) -> list[Path]:
    """Return the warehouse's log, written here: a build that ended well leaves none."""
    log = home.warehouse.with_name(home.warehouse.name + ".wal")
    log.write_bytes(random.Random(7).randbytes(50_000))
    return [log]


def all_of_them(home: Home) -> list[Path]:
    exports = [path for path in home.exports.iterdir() if not path.name.startswith("damaged-")]
    marts = [*segments(home), *roll_up_parts(home), *row_files(home)]
    return [*pointer(home), *snapshots(home), *marts, *warehouse(home), *exports]


TARGETS = {
    one.__name__: one
    for one in (
        pointer, snapshots, segments, roll_up_parts, row_files, warehouse, write_ahead_log, all_of_them,
    )
}  # fmt: skip
DEFAULT = {
    ("snapshots", "corrupted"), ("segments", "corrupted"), ("roll_up_parts", "corrupted"), ("warehouse", "corrupted"),
    ("all_of_them", "corrupted"),
}  # fmt: skip
CASES = [
    pytest.param(target, way, id=f"{target}-{way}", marks=[] if (target, way) in DEFAULT else pytest.mark.long)
    for target in TARGETS
    for way in WAYS
]


@pytest.mark.parametrize(("target", "way"), CASES)
def test_derived_files_are_built_anew_with_equal_totals(
    lake: Lake, target: str, way: str, chance: random.Random
) -> None:
    before = everything(lake.home)
    newest = len(landed(lake))
    for path in TARGETS[target](lake.home):
        WAYS[way](path, chance)
    late = calls(3, f"after {target} {way} ")
    lake.land(lake.acme, lake.laptop, late)
    attempts = heal(lake)
    assert attempts == 1 or (target == "warehouse" and attempts <= ATTEMPTS_TO_HEAL), attempts
    after = everything(lake.home)
    new = {one["request_id"] for one in late}
    kept = [row for row in after["fct_requests"] if str(row["request_id"]) not in new]
    assert kept == before["fct_requests"]
    assert len(after["fct_requests"]) == len(kept) + len(late)
    for mart in ("mart_spend_15min", "mart_spend_daily", "mart_spend_monthly"):
        for figure in ("requests", "cost_logged_millicents", "input_tokens"):
            wanted = sum(row[figure] for row in before[mart]) + sum(
                1 if figure == "requests" else one[figure] or 0 for one in late
            )
            assert sum(row[figure] for row in after[mart]) == wanted
    assert len(landed(lake)) == newest + 1


def heal(lake: Lake) -> int:
    """Refresh until it succeeds; return how often that took."""
    for attempt in range(1, ATTEMPTS_TO_HEAL + 1):
        try:
            refresh(lake.home, lake.engine, lake.clock)
        except RefreshFailed:
            continue
        return attempt
    return ATTEMPTS_TO_HEAL + 1
