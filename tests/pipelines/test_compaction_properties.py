"""However rows are spread over files, days and merges, the record stays what it was."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.compaction import compact
from pipelines.compaction.published import PublishedState
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home
from tests.pipelines.lake_builder import Lake, calls
from tests.pipelines.stored_rows import files_on_disk, ledger_rows, live_files, stored_rows

# A step lands a file of so many rows, compacts, or lets hours pass.
STEPS = st.lists(
    st.one_of(
        st.integers(1, 12).map(lambda rows: ("land", rows)),
        st.just(("compact", 0)),
        st.integers(1, 20).map(lambda hours: ("wait", hours)),
    ),
    min_size=4,
    max_size=24,
)


@pytest.fixture(autouse=True)
def small_sizes() -> Iterator[None]:
    """Makes tiers, day files and row groups so small that every kind of merge happens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.compaction.plan.FILES_PER_TIER", 3)
        patch.setattr("pipelines.compaction.plan.SMALLEST_TIER_ROWS", 4)
        patch.setattr("pipelines.compaction.plan.TIER_FACTOR", 3)
        patch.setattr("pipelines.compaction.plan.DAY_FILE_ROWS", 40)
        patch.setattr("pipelines.compaction.plan.MOST_MEMBERS", 5)
        patch.setattr("pipelines.compaction.merge.ROWS_PER_GROUP", 7)
        patch.setattr("pipelines.compaction.rows.ROWS_AT_ONCE", 5)
        patch.setattr("pipelines.compaction.rows._FILES_TOGETHER", 2)
        patch.setattr("pipelines.compaction.sweep._LOOKED_AT_AT_ONCE", 2)
        yield


@given(steps=STEPS, lag=st.integers(0, 3))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_history_of_files_and_merges_keeps_every_row_in_its_place(
    upgraded_sqlite: Path, steps: list[tuple[str, int]], lag: int
) -> None:
    with TemporaryDirectory(prefix="halton-compaction-") as folder:
        home = Home(Path(folder))
        shutil.copy(upgraded_sqlite, home.root / "app.sqlite")
        engine = open_database(f"sqlite:///{home.root / 'app.sqlite'}")
        lake = Lake.at(home, engine)
        lake.people()
        acknowledged: list[tuple[int, int]] = []
        for number, (what, amount) in enumerate(steps):
            if what == "land":
                seq = lake.land(lake.acme, lake.laptop, calls(amount, f"step {number} "))
                acknowledged += [(seq, row) for row in range(amount)]
            elif what == "wait":
                lake.clock.advance(timedelta(hours=amount))
            else:
                before, told = stored_rows(home, engine), ledger_rows(engine)
                published = PublishedState(max(len(told) - lag, 0), {})
                assert compact(home, engine, lake.clock, published=published).damaged == []
                assert stored_rows(home, engine) == before
                assert ledger_rows(engine) == told
        assert [(row["file_seq"], row["row"]) for row in stored_rows(home, engine)] == acknowledged
        lake.clock.advance(timedelta(days=2))
        everything = PublishedState(10**9, {})
        compact(home, engine, lake.clock, published=everything)
        lake.clock.advance(timedelta(days=1))
        compact(home, engine, lake.clock, published=everything)
        assert [(row["file_seq"], row["row"]) for row in stored_rows(home, engine)] == acknowledged
        assert files_on_disk(home) == live_files(engine)
        engine.dispose()
