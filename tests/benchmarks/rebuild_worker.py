"""A process that builds or scans and says what it took: seconds by step and its own peak memory.

Belongs here: what the benchmarks measure of our builds, in a process as fresh, or as warm, as the refresher's. Does not
belong here: judging, and the bare scan itself (`rivals.duckdb_scan`).

Prints one JSON object per piece of work. `refresh HOME` builds everything anew; `scan HOME` decodes every column a fact
needs, once; `warm HOME` refreshes what is new once for every line of its input.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import Any

from sqlalchemy import Engine

from pipelines.build import Build
from pipelines.dbt_runner import DbtRun, warm_dbt
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home
from pipelines.refresh import refresh
from tests.benchmarks.rivals.duckdb_scan import scan


class Spent:
    """Seconds by kind of work since the last look.

    Attributes:
        seconds: `dbt` is its whole invocation, `sql` the statements within it, `publish` everything after it.
        nodes: dbt's own seconds of each node.
    """

    def __init__(self) -> None:
        self.seconds = {"dbt": 0.0, "sql": 0.0, "publish": 0.0}
        self.nodes: dict[str, float] = {}
        self._lock = Lock()

    @contextmanager
    def on(self, kind: str) -> Iterator[None]:
        """Count the block as one kind of work."""
        started = perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.seconds[kind] += perf_counter() - started


def watch(home: Home) -> Spent:
    """Measure this process' builds of a home from now on, by wrapping the steps where they are called."""
    spent, runner = Spent(), warm_dbt(home)
    run_dbt, publish = runner.run, Build.publish

    def run(command: Sequence[str], warehouse: Path, variables: Mapping[str, Any]) -> DbtRun:
        with spent.on("dbt"):
            done = run_dbt(command, warehouse, variables)
        spent.nodes = {node.name[:80]: round(node.seconds, 3) for node in done.nodes}
        return done

    def publishing(self: Build) -> Any:
        with spent.on("publish"):
            return publish(self)

    cursor: Any = importlib.import_module("dbt.adapters.duckdb.environments.local").DuckDBCursorWrapper
    execute: Callable[..., Any] = cursor.execute

    def executing(wrapped: Any, *arguments: Any) -> Any:
        with spent.on("sql"):
            return execute(wrapped, *arguments)

    runner.run = run
    Build.publish = publishing
    cursor.execute = executing
    return spent


def prepared(home: Home) -> tuple[Engine, Spent]:
    """Open a home with everything loaded that a running refresher has loaded."""
    warm_dbt(home).manifest()
    importlib.import_module("pipelines.assets.run")
    return open_database(home.database_url), watch(home)


def one_refresh(home: Home, engine: Engine, spent: Spent, *, full: bool) -> dict[str, Any]:
    """Refresh once and say what it took."""
    spent.seconds = dict.fromkeys(spent.seconds, 0.0)
    outcome = refresh(home, engine, SystemClock(), full=full)
    slowest = sorted(spent.nodes.items(), key=lambda one: -one[1])
    return {
        "rows": outcome.rows_total,
        "rows_new": outcome.rows_new,
        "refresh_seconds": outcome.seconds,
        **{f"{kind}_seconds": seconds for kind, seconds in spent.seconds.items()},
        "nodes": dict(slowest[:25]),
    }


def main() -> None:
    """Do what the arguments say."""
    os.environ.pop("HALTON_DATABASE_URL", None)  # nothing of the caller's may point elsewhere
    work, home = sys.argv[1], Home(Path(sys.argv[2]))
    if work == "scan":
        rows, seconds = scan(home)
        _say({"rows": rows, "scan_seconds": seconds})
        return
    engine, spent = prepared(home)
    if work == "refresh":
        _say(one_refresh(home, engine, spent, full=True))
    else:
        _say({"ready": True})
        for _ in sys.stdin:
            _say(one_refresh(home, engine, spent, full=False))
    engine.dispose()


def _say(answer: dict[str, Any]) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = {"peak_mib": usage.ru_maxrss / 1024, "cpu_seconds": usage.ru_utime + usage.ru_stime}
    sys.stdout.write(json.dumps(answer | used) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
