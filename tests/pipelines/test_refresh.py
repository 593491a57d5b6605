"""A home through several builds, in order; each test looks at one thing that a build settled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.lake.clock import to_micros
from pipelines.refresh import RefreshResult, refresh
from pipelines.run_history import run_history
from tests.pipelines.lake_builder import NOON, Lake, call, calls, named_id
from tests.pipelines.published import Rows, ask, everything

BETA = named_id("workspace beta")


@dataclass
class Story:
    """What was seen after each build."""

    lake: Lake
    first_build: str
    results: dict[str, RefreshResult] = field(default_factory=dict[str, RefreshResult])
    seen: dict[str, dict[str, Rows]] = field(default_factory=dict[str, dict[str, Rows]])

    def build(self, chapter: str, *, full: bool = False) -> None:
        self.results[chapter] = refresh(self.lake.home, self.lake.engine, self.lake.clock, full=full)
        self.seen[chapter] = everything(self.lake.home)

    def ask(self, sql: str, *parameters: object) -> Rows:
        return ask(self.lake.home, sql, *parameters)


@pytest.fixture(scope="module")
def story(copied_lake: Callable[[Path], Lake], tmp_path_factory: pytest.TempPathFactory) -> Story:
    lake = copied_lake(tmp_path_factory.mktemp("story"))
    told = Story(lake, str(ask(lake.home, "select build_id from build_info")[0][0]))
    told.build("nothing new")
    lake.land(BETA, named_id(f"device {BETA} laptop"), calls(5, "first"))  # ids that acme landed too
    late = call("late", requested_at=NOON - timedelta(days=200), cost_logged_millicents=5)
    conflict = call("first2", input_tokens=77)
    lake.land(lake.acme, lake.laptop, [calls(2, "first")[1], conflict, late], received_at=NOON + timedelta(minutes=1))
    told.build("more rows")
    lake.project(lake.acme, "atlas", archived_at_us=to_micros(NOON + timedelta(minutes=2)))
    lake.project(lake.acme, "borealis", over_ceiling=True)
    lake.land(lake.acme, lake.laptop, [call("kept back")], received_at=NOON + timedelta(hours=1))
    told.build("archived")
    lake.project(lake.acme, "atlas", archived_at_us=None)
    lake.project(lake.acme, "borealis", over_ceiling=False)
    lake.rename_device(lake.laptop, "Victor's laptop")
    told.build("restored")
    told.build("anew", full=True)
    return told


def test_another_workspace_has_its_own_copy_of_the_same_ids(story: Story) -> None:
    counts = dict(story.ask("select workspace_id::varchar, count(*) from fct_requests group by all"))
    assert counts == {story.lake.acme: 122, BETA: 5}


def test_nothing_new_names_the_current_build_without_a_run(story: Story) -> None:
    result = story.results["nothing new"]
    assert (result.build_id, result.rows_new, result.rows_total) == (story.first_build, 0, 120)
    assert run_history(story.lake.home).get_runs_count() == 1 + len(story.results) - 1


def test_new_rows_are_counted_and_every_part_of_a_snapshot_agrees(story: Story) -> None:
    result = story.results["more rows"]
    assert (result.rows_new, result.rows_total) == (6, 126)
    assert len(story.seen["more rows"]["fct_requests"]) == 126
    ids = [story.first_build, *(story.results[one].build_id for one in ("more rows", "archived", "restored", "anew"))]
    assert ids == sorted(set(ids))
    info = story.ask("select build_id, rows_total, max_file_seq, data_as_of from build_info")
    assert info == [(ids[-1], 127, 4, (NOON + timedelta(hours=1)).replace(tzinfo=None))]
    assert story.ask("select sum(row_count) from segments") == [(127,)]


def test_a_batch_is_settled_as_landed_duplicate_and_conflict(story: Story) -> None:
    account = "select received_count, landed_count, duplicate_count, quarantined_count from fct_batches"
    assert story.ask(f"{account} where file_seq = 3") == [(3, 1, 1, 1)]
    assert story.ask("select request_id::varchar from fct_request_conflicts") == [(named_id("request first2"),)]


def test_a_late_row_restates_its_day(story: Story) -> None:
    late_day = (NOON - timedelta(days=200)).date()
    assert story.ask("select requests from mart_spend_daily where local_day = ?", late_day) == [(1,)]


def test_withheld_rows_leave_the_roll_ups_and_come_back(story: Story) -> None:
    def shown(chapter: str) -> int:
        monthly = story.seen[chapter]["mart_spend_monthly"]
        return sum(row["requests"] for row in monthly if row["withheld_reason"] is None)

    def reason(chapter: str) -> object:
        rows = story.seen[chapter]["fct_requests"]
        return next(r["withheld_reason"] for r in rows if str(r["request_id"]) == named_id("request kept back"))

    assert [shown(one) for one in ("more rows", "archived", "restored")] == [126, 86, 127]
    assert [reason(one) for one in ("archived", "restored")] == ["project_archived", None]
    assert story.results["restored"].rows_new == 0


def test_a_rename_alone_is_published(story: Story) -> None:
    devices = [row for row in story.seen["restored"]["dim_devices"] if str(row["device_id"]) == story.lake.laptop]
    assert [row["display_name"] for row in devices] == ["Victor's laptop"]


def test_incremental_builds_equal_a_full_one(story: Story) -> None:
    assert story.results["anew"].rows_new == story.results["anew"].rows_total == 127
    assert story.seen["anew"] == story.seen["restored"]


def test_money_is_in_integers(story: Story) -> None:
    kinds = story.ask(
        "select distinct table_name, column_name, data_type from duckdb_columns()"
        " where column_name like '%cost_%' and column_name not like 'cost_centre%' and database_name = 'marts'"
    )
    # Sums are stored as narrow as they fit; either way they are whole numbers.
    assert {kind for _, _, kind in kinds} <= {"BIGINT", "HUGEINT"}
    assert kinds
    assert {kind for name, kind, *_ in story.ask("describe fct_requests") if "cost_" in name} == {"BIGINT"}
