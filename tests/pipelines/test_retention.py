"""Requests past a workspace's retention leave the marts, then the disk; what the ledger says of them stays."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, select, text, update

from api.db.models import Workspace
from api.ingest.held_rows import HeldRows
from pipelines.compaction import CompactionResult, compact
from pipelines.compaction.published import PublishedState
from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.clock import FixedClock
from pipelines.lake.ledger import landed_files
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from pipelines.refresh import RefreshResult
from pipelines.retention import drop_expired, horizon
from pipelines.run_history import run_history
from pipelines.verify import VerifyReport, verify
from tests.pipelines.ingested_home import IngestedHome, made_on
from tests.pipelines.lake_builder import NOON, Lake, call, calls, named_id
from tests.pipelines.published import Rows, everything
from tests.pipelines.stored_rows import files_on_disk, ledger_rows, live_files

OLD = [made_on(1, f"old {i}") for i in range(6)]
RECENT = [made_on(9, f"recent {i}") for i in range(4)]


@dataclass
class Story:
    """What was seen at each point."""

    world: IngestedHome
    seen: dict[str, dict[str, Rows]] = field(default_factory=dict[str, dict[str, Rows]])
    results: dict[str, RefreshResult] = field(default_factory=dict[str, RefreshResult])
    reports: dict[str, VerifyReport] = field(default_factory=dict[str, VerifyReport])
    totals: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    compactions: dict[str, CompactionResult] = field(default_factory=dict[str, CompactionResult])
    files: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def look(self, moment: str, *, full: bool = False) -> None:
        world = self.world
        self.results[moment] = world.refresh(full=full)
        self.seen[moment] = everything(world.home)
        self.reports[moment] = verify(world.home, world.engine)
        reader = SnapshotReader(world.home)
        held = HeldRows(world.home, world.engine, reader)
        rows = held.totals(*world.senders["acme"], date(2026, 11, 1), date(2026, 11, 30))
        self.totals[moment] = {row.date: row.request_count for row in rows}
        reader.close()

    def compact(self, moment: str) -> None:
        self.compactions[moment] = self.world.compact()
        self.files[moment] = files_on_disk(self.world.home)

    def account(self, moment: str, batch: int) -> list[int]:
        """Return landed, duplicate, quarantined and expired of acme's n-th batch."""
        acme = self.world.senders["acme"].workspace_id
        rows = [row for row in self.seen[moment]["fct_batches"] if str(row["workspace_id"]) == acme]
        row = sorted(rows, key=lambda one: one["file_seq"])[batch]
        return [row[f"{kind}_count"] for kind in ("landed", "duplicate", "quarantined", "expired")]

    def requests(self, moment: str, workspace: str = "acme") -> set[str]:
        owner = self.world.senders[workspace].workspace_id
        return {str(r["request_id"]) for r in self.seen[moment]["fct_requests"] if str(r["workspace_id"]) == owner}


def ids(*records: dict[str, object]) -> set[str]:
    return {str(one["id"]) for one in records}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Story]:
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        home = Home(tmp_path_factory.mktemp("retention") / "home")
        told = Story(IngestedHome(home, FixedClock(datetime(2026, 11, 2, 12, tzinfo=UTC))))
        world = told.world
        world.send(OLD[:3], [OLD[0], *OLD[3:]])
        world.send([made_on(1, "beta's own")], workspace="beta")
        world.clock.instant = datetime(2026, 11, 10, 12, tzinfo=UTC)
        world.send([*RECENT, OLD[1], made_on(3, "fresh history")])
        told.look("everything is kept")
        world.keep(5)
        told.look("five days are kept")
        told.compact("dropped")
        world.clock.advance(timedelta(hours=1))
        told.compact("deleted")
        told.look("after deletion")
        told.look("anew", full=True)
        world.send([OLD[2], made_on(9, "new")])
        told.look("sent again")
        if request.config.getoption("--long"):
            world.keep(None)
            told.look("kept for ever again")
        yield told
        world.engine.dispose()


def test_requests_before_the_horizon_leave_the_marts_of_their_workspace_alone(story: Story) -> None:
    assert story.requests("everything is kept") == ids(*OLD, *RECENT, made_on(3, "fresh history"))
    assert story.requests("five days are kept") == ids(*RECENT)
    assert story.requests("five days are kept", "beta") == ids(made_on(1, "beta's own"))
    kept = {row["slug"]: row["retained_from"] for row in story.seen["five days are kept"]["dim_workspaces"]}
    assert kept == {"acme": date(2026, 11, 5), "beta": None}


def test_a_moved_horizon_is_a_full_build(story: Story) -> None:
    assert story.results["five days are kept"].rows_new == story.results["five days are kept"].rows_total == 5


def test_batches_still_account_for_every_record(story: Story) -> None:
    assert story.account("everything is kept", 1) == [3, 1, 0, 0]
    # Copies past the horizon are no longer told apart: the door counted them as landed.
    assert [story.account("five days are kept", n) for n in (0, 1, 2)] == [[3, 0, 0, 3], [4, 0, 0, 4], [6, 0, 0, 2]]


def test_days_past_retention_are_dropped_in_the_ledger_and_then_deleted(story: Story) -> None:
    acme = story.world.senders["acme"].workspace_id
    of_second = [path for path in story.files["dropped"] if path.startswith(f"{acme}/2026-11-02/")]
    assert story.compactions["dropped"].days_dropped == 1
    assert len(of_second) == 2
    assert sorted(story.compactions["deleted"].deleted)[:2] == of_second
    assert not [path for path in story.files["deleted"] if path.startswith(f"{acme}/2026-11-02/")]
    assert not (story.world.home.landing / acme / "2026-11-02").exists()
    assert [path for path in live_files(story.world.engine) if path.startswith(f"{acme}/2026-11-02/")] == []
    assert len(ledger_rows(story.world.engine)) == 5


def test_nothing_changes_when_files_are_dropped_and_a_full_build_does_not_miss_them(story: Story) -> None:
    assert story.results["after deletion"].build_id == story.results["five days are kept"].build_id
    assert story.seen["anew"].keys() == story.seen["five days are kept"].keys()
    for table, rows in story.seen["anew"].items():
        assert rows == story.seen["five days are kept"][table], table


def test_a_row_of_a_dropped_file_that_is_sent_again_does_not_count_again(story: Story) -> None:
    assert story.requests("sent again") == ids(*RECENT, made_on(9, "new"))
    assert story.account("sent again", 3) == [2, 0, 0, 1]


@pytest.mark.long
def test_keeping_for_ever_brings_back_what_is_still_there(story: Story) -> None:
    there = ids(*RECENT, made_on(9, "new"), OLD[1], OLD[2], made_on(3, "fresh history"))
    assert story.requests("kept for ever again") == there


def test_every_step_is_proven(story: Story) -> None:
    assert {moment: report.differences for moment, report in story.reports.items()} == {
        one: [] for one in story.reports
    }
    assert story.reports["after deletion"].checked["dropped_files"] == 2


def test_daemon_totals_count_from_the_horizon_on(story: Story) -> None:
    assert story.totals["everything is kept"] == {"2026-11-01": 6, "2026-11-03": 1, "2026-11-09": 4}
    assert story.totals["five days are kept"] == story.totals["after deletion"] == {"2026-11-09": 4}


def test_compaction_and_retention_stand_in_the_history_of_runs(story: Story) -> None:
    from pipelines.assets.compaction import report_compaction
    from pipelines.assets.keys import COMPACTED_FILES

    report_compaction(story.world.home, story.compactions["deleted"])
    event = run_history(story.world.home).get_latest_materialization_event(COMPACTED_FILES)
    assert event is not None
    assert event.asset_materialization is not None
    deleted = len(story.compactions["deleted"].deleted)
    assert event.asset_materialization.metadata["deleted"].value == deleted >= 2


@pytest.fixture
def lake(home: Home, engine: Engine) -> Lake:
    made = Lake.at(home, engine)
    made.people()
    return made


def keep_days(lake: Lake, days: int | None) -> None:
    with lake.engine.begin() as connection:
        connection.execute(update(Workspace).where(Workspace.id == lake.acme).values(retention_days=days))


def test_only_days_that_no_kept_request_can_be_in_are_dropped(lake: Lake) -> None:
    for day in range(4):
        received = NOON - timedelta(days=day)
        lake.land(lake.acme, lake.laptop, [call(f"{day}", requested_at=received)], received_at=received)
        lake.land(named_id("workspace beta"), lake.laptop, [call(f"b{day}")], received_at=received)
    early = NOON - timedelta(days=9)
    lake.land(lake.acme, lake.laptop, [call("ahead", requested_at=NOON)], received_at=early)  # no such door, but still
    keep_days(lake, 1)
    first_kept = {lake.acme: (NOON - timedelta(days=1)).date()}

    def dropped() -> list[str]:
        return [one.received_day for one in drop_expired(lake.engine, lake.clock, first_kept, 10**9)]

    assert dropped() == []
    lake.clock.advance(timedelta(days=1))
    assert dropped() == []  # the published build still holds what the horizon has left since
    first_kept = {lake.acme: NOON.date()}
    assert dropped() == ["2026-11-17"]
    assert dropped() == []
    with lake.engine.connect() as connection:
        gone = select(landed_files.c.file_seq).where(landed_files.c.dropped_at_us.is_not(None))
        assert connection.execute(gone).scalars().all() == [7]


def test_a_longer_retention_holds_from_the_moment_it_is_set(lake: Lake) -> None:
    lake.land(lake.acme, lake.laptop, calls(1, "old"), received_at=NOON - timedelta(days=30))
    with lake.engine.begin() as connection:
        connection.execute(text("update landed_files set last_requested_at_us = 0"))
    published = {lake.acme: NOON.date()}
    for days in (None, 60):
        keep_days(lake, days)
        assert drop_expired(lake.engine, lake.clock, published, 10**9) == []
    keep_days(lake, 10)
    assert drop_expired(lake.engine, lake.clock, published, 0) == []  # not published yet
    assert [one.files for one in drop_expired(lake.engine, lake.clock, published, 10**9)] == [1]


def test_the_process_that_never_loads_the_tables_of_people_drops_days_too(lake: Lake, database_url: str) -> None:
    received = NOON - timedelta(days=30)
    lake.land(lake.acme, lake.laptop, [call("old", requested_at=received)], received_at=received)
    keep_days(lake, 1)
    child = """
import sys
from datetime import datetime
import pipelines.refresher
from pipelines.lake.clock import FixedClock
from pipelines.lake.database import open_database
from pipelines.retention import drop_expired

url, workspace_id, day = sys.argv[1:]
assert "api.db.models" not in sys.modules
now = datetime.fromisoformat(day)
engine = open_database(url)
dropped = drop_expired(engine, FixedClock(now), {workspace_id: now.date()}, 10**9)
print([one.files for one in dropped])
engine.dispose()
"""
    now = (NOON + timedelta(days=1)).isoformat()
    arguments = [sys.executable, "-c", child, database_url, lake.acme, now]
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120)
    assert (ended.stdout.strip(), ended.returncode) == ("[1]", 0), ended.stderr


def test_a_dropped_day_takes_its_compacted_file_along(lake: Lake) -> None:
    received = NOON - timedelta(days=30)
    for number in range(3):
        rows = [call(f"{number} {one}", requested_at=received) for one in range(2)]
        lake.land(lake.acme, lake.laptop, rows, received_at=received)
    compact(lake.home, lake.engine, lake.clock, published=PublishedState(3, {}))
    keep_days(lake, 10)
    published = PublishedState(3, {lake.acme: NOON.date() - timedelta(days=10)})
    assert compact(lake.home, lake.engine, lake.clock, published=published).days_dropped == 1
    assert live_files(lake.engine) == []
    lake.clock.advance(timedelta(hours=1))
    assert len(compact(lake.home, lake.engine, lake.clock, published=published).deleted) == 4
    assert files_on_disk(lake.home) == []


def test_the_horizon_is_a_whole_utc_day() -> None:
    assert horizon(date(2026, 11, 10), 5) == date(2026, 11, 5)
    assert horizon(date(2026, 11, 10), None) is None
    assert horizon(date(2026, 11, 10), 10**7) == date.min
