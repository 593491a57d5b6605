"""Benchmark `increments`: five thousand new rows onto millions, from the ledger to the published snapshot.

Belongs here: landing them, a warm process that builds them, judging. Does not belong here: what that process does
(`rebuild_worker`).

The process is as warm as the refresher's: dbt parsed, Dagster loaded, one refresh behind it. SQL seconds are all
statements of dbt's models and tests plus the whole publishing; with two threads they may overlap, which counts twice.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import IO, Any, Final

from sqlalchemy import Engine

from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from tests.benchmarks.context import Context
from tests.benchmarks.dataset import Dataset, land_more
from tests.benchmarks.homes import built_home, copy_of
from tests.benchmarks.measure import Comparison, alternate, compare
from tests.benchmarks.rebuild import measured_apart

ROWS: Final = 10_000_000
NEW_ROWS: Final = 5_000
SECONDS: Final = 5.0
FLOOR: Final = "bare scan"
SMALLER: Final = "at a tenth of the rows"


def run(context: Context) -> list[Comparison]:
    """Compare an increment's seconds with the target, the scan and those at a tenth of the size."""
    rows = context.rows_or(ROWS)
    sizes = rows, max(2_000, rows // 10)
    large, small = (Growing(built_home(context, size), context.folder / f"growing-{size}") for size in sizes)
    with large.refresher(), small.refresher():
        found = alternate(
            context.runs,
            {
                "ours": large.increment,
                SMALLER: small.increment,
                FLOOR: lambda: measured_apart("scan", large.data.home.root),
            },
            context.progress,
        )
    work = f"{NEW_ROWS:,} new rows onto {rows:,}"
    whole = {name: [one["refresh_seconds"] for one in found[name]] for name in ("ours", SMALLER)}
    sql = [one["sql_seconds"] + one["publish_seconds"] for one in found["ours"]]
    scans = [one["scan_seconds"] for one in found[FLOOR]]
    parts = ", ".join(
        f"{kind} {median(one[f'{kind}_seconds'] for one in found['ours']):.2f} s" for kind in ("dbt", "sql", "publish")
    )
    memory = f"peak {max(one['peak_mib'] for one in found['ours']):,.0f} MiB"
    return [
        compare(
            f"{work}, ledger to snapshot", "seconds", {"ours": whole["ours"]}, target=f"<= {SECONDS:.0f} s",
            met=lambda one: one["ours"] <= SECONDS, note=f"{parts}; {memory}",
        ),
        compare(
            f"{work}, all SQL with publishing", "seconds", {"ours": sql, FLOOR: scans}, target="<= 0.5x a bare scan",
            met=lambda one: one["ours"] <= 0.5 * one[FLOOR],
        ),
        compare(
            f"{work}, growth", "seconds", whole, target="<= 1.5x a tenth of the rows",
            met=lambda one: one["ours"] <= 1.5 * one[SMALLER],
        ),
    ]  # fmt: skip


class Growing:
    """A built home that grows, and the warm process that keeps its marts fresh.

    Attributes:
        data: a copy of the home.
    """

    def __init__(self, data: Dataset, folder: Path) -> None:
        self.data = copy_of(data, folder)
        self._number = 0
        self._to: IO[str] | None = None
        self._from: IO[str] | None = None
        self._engine: Engine = open_database(f"sqlite:///{self.data.home.root / 'app.sqlite'}")

    @contextmanager
    def refresher(self) -> Iterator[None]:
        """Keep the process running, as warm as one that has refreshed before."""
        command = [sys.executable, "-m", "tests.benchmarks.rebuild_worker", "warm", str(self.data.home.root)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            self._to, self._from = process.stdin, process.stdout
            self._answer()
            try:
                self.increment()  # the first one loads what a running refresher has loaded long ago
                yield
            finally:
                self._engine.dispose()
                process.stdin.close()

    def increment(self) -> dict[str, Any]:
        """Land new rows and refresh; returns what the process says of it."""
        land_more(self.data, self._engine, NEW_ROWS, self._number, SystemClock().now())
        self._number += 1
        assert self._to is not None
        self._to.write("\n")
        self._to.flush()
        done = self._answer()
        assert done["rows_new"] == NEW_ROWS, f"{done['rows_new']} new rows were published, not {NEW_ROWS}"
        return done

    def _answer(self) -> dict[str, Any]:
        assert self._from is not None
        line = self._from.readline()
        assert line, "the refreshing process ended; its message stands on stderr"
        return json.loads(line)
