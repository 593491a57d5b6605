from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pipelines.control_plane import ControlPlane, read_control_plane, withheld, write_control_plane
from pipelines.lake.arrow import parquet
from pipelines.lake.clock import to_micros
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home
from pipelines.ledger_watch import database_trace, ledger_position
from pipelines.model_pairs import landed_pairs
from tests.conftest import PostgresServer
from tests.pipelines.lake_builder import NOON, Lake, call, calls, named_id


@pytest.fixture
def peopled(home: Home, engine: Engine) -> Lake:
    lake = Lake.at(home, engine)
    lake.people()
    return lake


def test_exports_hold_what_the_warehouse_needs(peopled: Lake) -> None:
    peopled.project(peopled.acme, "atlas", archived_at_us=to_micros(NOON), display_name="Atlas ✈")
    peopled.project(peopled.acme, "borealis", over_ceiling=True, archived_at_us=5)
    peopled.land(peopled.acme, peopled.laptop, calls(3, "one"))
    read = read_control_plane(peopled.engine, peopled.home, NOON.date())
    write_control_plane(read, peopled.home)
    exported = {name: parquet.read_table(peopled.home.exports / f"{name}.parquet").to_pylist() for name in read.tables}
    atlas, borealis = [row for row in exported["projects"] if str(row["workspace_id"]) == peopled.acme]
    assert (atlas["display_name"], atlas["withheld_since"], atlas["withheld_reason"]) == (
        "Atlas ✈",
        NOON,
        "project_archived",
    )
    assert borealis["withheld_since"] == datetime(1970, 1, 1, tzinfo=UTC)
    assert (borealis["withheld_reason"], borealis["visibility_version"]) == ("plan_project_ceiling", 2)
    assert exported["landed_files"][0]["path"] == str(peopled.home.landing / peopled.landed_path(1))
    assert exported["landed_batches"][0]["received_count"] == 3
    assert exported["devices"][0]["revoked_at"] is None
    assert read.time_zones == {peopled.acme: "America/New_York", named_id("workspace beta"): "UTC"}


def test_both_databases_give_equal_exports(home: Home, upgraded_sqlite: Path, postgres: PostgresServer) -> None:
    read: list[ControlPlane] = []
    for url in (f"sqlite:///{shutil.copy(upgraded_sqlite, home.root / 'one.sqlite')}", postgres.new_database()):
        engine = open_database(url)
        lake = Lake.at(home, engine)
        lake.people()
        for slug in ("Zebra", "atlas-b", "atlas_a", "éclair"):
            lake.project(lake.acme, slug, over_ceiling=slug == "Zebra")
        lake.land(lake.acme, lake.laptop, calls(3, "one"))
        read.append(read_control_plane(engine, home, NOON.date()))
        engine.dispose()
    one, other = (plane.tables for plane in read)
    assert one.keys() == other.keys()
    for name in set(one) - {"landed_files"}:  # files have names of their own
        assert one[name].equals(other[name]), name


def test_everything_that_is_exported_leaves_a_trace(peopled: Lake) -> None:
    traces = [database_trace(peopled.engine)]
    peopled.land(peopled.acme, peopled.laptop, calls(1, "one"))
    traces.append(database_trace(peopled.engine))
    peopled.project(peopled.acme, "atlas", over_ceiling=True)
    traces.append(database_trace(peopled.engine))
    peopled.rename_device(peopled.laptop, "mine")
    traces.append(database_trace(peopled.engine))
    assert len(set(traces)) == 4
    assert ledger_position(peopled.engine) == 1


def test_equal_exports_are_not_written_again(peopled: Lake) -> None:
    read = read_control_plane(peopled.engine, peopled.home, NOON.date())
    before = [path.stat().st_ino for path in write_control_plane(read, peopled.home).values()]
    assert [path.stat().st_ino for path in write_control_plane(read, peopled.home).values()] == before


@pytest.mark.parametrize(
    ("archived_at", "over_ceiling", "expected"),
    [
        (None, False, (None, None)),
        (7, False, (7, "project_archived")),
        (None, True, (0, "plan_project_ceiling")),
        (7, True, (0, "plan_project_ceiling")),
    ],
)
def test_the_withholding_rule(archived_at: int | None, over_ceiling: bool, expected: tuple[object, object]) -> None:  # noqa: FBT001
    assert withheld(archived_at, over_ceiling=over_ceiling) == expected


def test_model_pairs_are_remembered_and_only_new_files_read(peopled: Lake) -> None:
    peopled.land(peopled.acme, peopled.laptop, [call("a"), call("b"), call("c", provider="xai", model="grok-4")])
    landed = read_control_plane(peopled.engine, peopled.home, NOON.date()).landed
    pairs = [("anthropic", "claude-sonnet-4-5"), ("xai", "grok-4")]
    assert landed_pairs(peopled.home, landed) == pairs
    assert landed[0].stored is not None
    (peopled.home.landing / landed[0].stored.relative_path).unlink()
    assert landed_pairs(peopled.home, landed) == pairs
    with pytest.raises(FileNotFoundError):
        landed_pairs(peopled.home, landed, afresh=True)
