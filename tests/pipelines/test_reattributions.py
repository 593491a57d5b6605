"""A re-attribution moves figures with the next refresh, verification proves it, and withdrawing leaves no trace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pytest

from api.audit import OPERATOR
from api.cost_centres.centres import create_cost_centre
from api.db.session import transaction
from api.ingest.held_rows import HeldRows
from api.projects.reattribution import Move, reattribute, withdraw_reattribution
from api.projects.settings import ProjectChange, change_project
from pipelines.lake.catalog import SnapshotReader, read_pointer
from pipelines.ledger_watch import Trace, database_trace
from pipelines.refresh import refresh
from pipelines.run_history import run_history
from pipelines.verify import verify
from tests.pipelines.lake_builder import NOON, Lake, calls
from tests.pipelines.published import ask

ROWS = """
    select request_id::varchar, project, project_as_logged, requested_at >= ?, cost_logged_millicents,
        cost_priced_picousd, withheld_reason
    from fct_requests order by all
"""
TODAY = date(2026, 11, 20)
MOVED = {("atlas", True): "borealis", ("(not shared)", True): "atlas", ("(not shared)", False): "atlas"}


def differences(lake: Lake) -> list[str]:
    """Return what verification finds, but for the batches of a hand-made lake, which are in no chain."""
    return [one for one in verify(lake.home, lake.engine).differences if "chain" not in one]


def looked_up(reader: SnapshotReader, workspace_id: str, request_id: str) -> tuple[str, str]:
    """Return the projects of a request as its row file has them."""
    snapshot = reader.current()
    assert snapshot is not None
    with snapshot:
        found = snapshot.look_up(lambda rows: rows.by_id(UUID(workspace_id), UUID(request_id)))
    assert found is not None
    assert found[0] is not None
    return found[0]["project"], found[0]["project_as_logged"]


@dataclass
class Story:
    """A home through its builds; what each published, by chapter."""

    lake: Lake
    rows: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    builds: list[str] = field(default_factory=list[str])
    traces: list[Trace] = field(default_factory=list[Trace])
    differences: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    sums: dict[str, list[dict[str, int]]] = field(default_factory=dict[str, list[dict[str, int]]])
    looked_up: dict[str, list[tuple[str, str]]] = field(default_factory=dict[str, list[tuple[str, str]]])
    by_laptop: dict[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])

    def decide(self, **move: Any) -> str:
        with transaction(self.lake.engine) as session:
            decided = reattribute(session, self.lake.acme, Move(**move), actor=OPERATOR, at=self.lake.clock.now())
            return decided.id

    def build(self, chapter: str) -> None:
        lake = self.lake
        self.traces.append(database_trace(lake.engine))
        self.builds.append(refresh(lake.home, lake.engine, lake.clock).build_id)
        self.rows[chapter] = ask(lake.home, ROWS, NOON.replace(hour=5, tzinfo=None))
        marts = ("fct_requests", "mart_spend_15min", "mart_spend_daily", "mart_spend_monthly")
        counted = "select project, {}::bigint from {} group by project"
        self.sums[chapter] = [
            dict(ask(lake.home, counted.format("count(*)" if mart.startswith("fct") else "sum(requests)", mart)))
            for mart in marts
        ]
        self.differences[chapter] = differences(lake)
        with closing(SnapshotReader(lake.home)) as reader:
            self.looked_up[chapter] = [looked_up(reader, lake.acme, row[0]) for row in self.rows[chapter][:20]]
            held = HeldRows(lake.home, lake.engine, reader)
            self.by_laptop[chapter] = held.totals(lake.acme, lake.laptop, date(2026, 1, 1), TODAY)


@pytest.fixture(scope="module")
def story(copied_lake: Callable[[Path], Lake], tmp_path_factory: pytest.TempPathFactory) -> Story:
    told = Story(copied_lake(tmp_path_factory.mktemp("moved")))
    lake = told.lake
    told.build("before")
    first = told.decide(from_project="atlas", to_project="borealis", first_day=TODAY)  # from 05:00 UTC in New York
    unnamed = told.decide(from_project="(not shared)", to_project="atlas", device_id=lake.laptop)
    told.build("moved")
    lake.land(lake.acme, lake.laptop, calls(30, "later"))
    told.build("more rows")
    with transaction(lake.engine) as session:
        for one in (first, unnamed):
            withdraw_reattribution(session, lake.acme, one, actor=OPERATOR, at=lake.clock.now())
    told.build("withdrawn")
    with transaction(lake.engine) as session:
        create_cost_centre(session, lake.acme, "R&D", actor=OPERATOR, at=lake.clock.now())
        change_project(
            session, lake.acme, "atlas", ProjectChange(cost_centre="r-d"), actor=OPERATOR, at=lake.clock.now()
        )
    told.build("grouped")
    run_history(lake.home).dispose()
    return told


def expected(logged: str, *, since: bool, rules: dict[tuple[str, bool], str]) -> str:
    return rules.get((logged, since), logged)


@pytest.mark.parametrize(
    ("chapter", "rules"),
    [("before", {}), ("moved", MOVED), ("more rows", MOVED), ("withdrawn", {}), ("grouped", {})],
)
def test_requests_count_for_the_project_decided(story: Story, chapter: str, rules: dict[tuple[str, bool], str]) -> None:
    rows = story.rows[chapter]
    assert {row[2] for row in rows} == {"atlas", "borealis", "(not shared)"}
    assert [row[1] for row in rows] == [expected(row[2], since=row[3], rules=rules) for row in rows]
    assert any(row[3] for row in rows) and not all(row[3] for row in rows)  # noqa: PT018 - both sides of the edge
    facts, *marts = story.sums[chapter]
    assert facts == Counter(row[1] for row in rows)
    assert marts == [facts] * 3


def test_nothing_but_the_project_changes(story: Story) -> None:
    def plain(chapter: str) -> list[Any]:
        return [(row[0], *row[2:6]) for row in story.rows[chapter]]

    assert plain("moved") == plain("before")
    assert plain("withdrawn") == plain("more rows")
    assert {row[0] for row in story.rows["before"]} < {row[0] for row in story.rows["withdrawn"]}


def test_every_build_is_proven_from_the_landed_files(story: Story) -> None:
    assert story.differences == {chapter: [] for chapter in story.rows}


def test_a_laptop_is_told_what_it_logged(story: Story) -> None:
    assert story.by_laptop["moved"] == story.by_laptop["before"]
    assert story.by_laptop["withdrawn"] == story.by_laptop["more rows"]
    assert {one.project for one in story.by_laptop["moved"]} == {"atlas", "borealis", "(not shared)"}


def test_each_decision_is_noticed_and_makes_one_build(story: Story) -> None:
    assert len(set(story.traces)) == len(story.traces) == len(set(story.builds))


def test_the_build_names_its_decisions_and_cost_centres(story: Story) -> None:
    home = story.lake.home
    assert ask(home, "select count(*) from dim_reattributions") == [(0,)]
    centres = "select project, cost_centre, cost_centre_name from dim_projects where cost_centre is not null"
    assert ask(home, centres) == [("atlas", "r-d", "R&D")]


def test_single_requests_are_looked_up_as_the_view_has_them(story: Story) -> None:
    for chapter, found in story.looked_up.items():
        assert found == [(row[1], row[2]) for row in story.rows[chapter][:20]]
    assert {project for project, _ in story.looked_up["moved"]} == {"atlas", "borealis"}


def test_a_decision_planted_in_the_marts_is_found(story: Story) -> None:
    lake = story.lake
    pointer = read_pointer(lake.home)
    assert pointer is not None
    path = lake.home.marts / pointer.file
    path.chmod(0o600)
    with duckdb.connect(path) as connection:
        connection.execute(
            "insert into dim_reattributions (workspace_id, decision_number, from_project, to_project)"
            f" values ('{lake.acme}', 9, 'atlas', 'borealis')"
        )
    assert any("fct_requests" in difference for difference in differences(lake))
