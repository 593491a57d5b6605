"""A refresh and a publication, the two operations whose calls are DuckDB's more than ours.

Belongs here: a home with a build to go on from, and judging what readers see. Does not belong here: breaking
(`call_faults`, `strace_faults`).
"""

from __future__ import annotations

import gc
import shutil
import threading
from collections.abc import Callable
from typing import Any

from api.db.migrate import upgrade
from pipelines.build import Build
from pipelines.dbt_runner import warm_dbt
from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home
from pipelines.refresh import RefreshFailed, refresh
from pipelines.run_history import run_history
from pipelines.verify.run import verify
from tests.faults.system_calls.operations import Outcome
from tests.pipelines.lake_builder import Lake, calls

BEFORE, NEW = 60, 10


class Refresh:
    """An incremental refresh, Dagster's history and dbt's models included."""

    name = "refresh"

    def build(self, home: Home) -> None:
        built = home.root.parent.with_name("built")  # by the operation that was the first
        if built.exists():
            shutil.copytree(built, home.root, dirs_exist_ok=True)
        else:
            self._build_before(home)
            shutil.copytree(home.root, built)
        lake = self._lake(home)
        lake.land(lake.acme, lake.laptop, calls(NEW, "new"))
        lake.engine.dispose()

    def _build_before(self, home: Home) -> None:
        lake = self._lake(home)
        upgrade(lake.engine)
        lake = Lake.at(home, lake.engine)
        lake.people()
        lake.land(lake.acme, lake.laptop, calls(BEFORE, "before"))
        refresh(home, lake.engine, lake.clock)
        lake.engine.dispose()
        let_go(home)

    def begin(self, home: Home) -> Callable[[], Outcome]:
        lake = self._lake(home)

        def act() -> Outcome:
            try:
                result = refresh(home, lake.engine, lake.clock)
            except RefreshFailed as fault:
                return {"done": False, "fault": None, "words": str(fault)}
            if result.rows_total != BEFORE + NEW:
                return {"done": True, "fault": f"{result.rows_total} rows were published"}
            return {"done": True, "fault": None}

        return act

    def judge(self, home: Home, outcome: Outcome | None) -> list[str]:
        wrong: list[str] = []
        seen = rows_seen(home)
        if seen not in (BEFORE, BEFORE + NEW):
            wrong.append(f"readers see {seen} rows")
        if outcome and outcome["done"] and seen != BEFORE + NEW:
            wrong.append(f"said to be published, but readers see {seen} rows")
        lake = self._lake(home)
        try:
            result = refresh(home, lake.engine, lake.clock)
        except RefreshFailed as fault:
            return [*wrong, f"the next refresh fails: {fault}"]
        if (result.rows_total, rows_seen(home)) != (BEFORE + NEW, BEFORE + NEW):
            wrong.append(f"the next refresh publishes {result.rows_total} rows")
        # Lake fills in no chain of batches; published totals are what is judged here.
        return wrong + [one for one in verify(home, lake.engine).differences if "chain" not in one]

    def _lake(self, home: Home) -> Lake:
        return Lake(home, open_database(home.database_url))


class Publish(Refresh):
    """The publication of a build whose models are all built: segments, snapshot, pointer, and what follows."""

    name = "publish"

    def build(self, home: Home) -> None:
        super().build(home)
        lake = self._lake(home)
        self._build = Build(home, lake.engine, lake.clock, warm_dbt(home))
        run = self._build.transform()
        assert run.failure is None, run.failure
        lake.engine.dispose()
        let_go(home)

    def begin(self, home: Home) -> Callable[[], Outcome]:
        turns: list[Callable[[], Outcome]] = [self._publish, super().begin(home)]

        def act() -> Outcome:
            return turns.pop(0)()

        return act

    def _publish(self) -> Outcome:
        try:
            published = self._build.publish()
        except Exception as fault:  # noqa: BLE001 - Dagster turns whatever it is into a failed run
            return {"done": False, "fault": None, "words": str(fault)[:200]}
        return {"done": published.rows_total == BEFORE + NEW, "fault": None}


def rows_seen(home: Home) -> int | None:
    """Return the number of requests readers see, counted in the segments; None when there is nothing to read."""
    reader = SnapshotReader(home)
    snapshot = reader.current()
    if snapshot is None:
        return None
    with snapshot, snapshot.cursor() as cursor:
        counted: list[Any] = cursor.execute("select count(*), count(distinct request_id) from fct_requests").fetchall()
    reader.close()
    rows, different = counted[0]
    return rows if rows == different else -1


def let_go(home: Home) -> None:
    """Close what this process holds of a home, and make sure that nothing but itself would be forked."""
    run_history(home).dispose()
    run_history.cache_clear()
    gc.collect()
    others = [one.name for one in threading.enumerate() if one is not threading.main_thread()]
    assert not others, f"threads that a fork would lose: {others}"
