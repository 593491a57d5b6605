"""A process that analyses, or answers from an analysis, and says what it took: seconds, processor time, memory, spill.

Belongs here: what the benchmark `analysis` measures, in a process as warm as the one that `halton-cloud up` keeps. Does
not belong here: judging (`analysis`), the spine's builds (`rebuild_worker`).

Prints one JSON object per piece of work. `once HOME` analyses once; `over-and-over HOME` does until its input ends,
giving way to others as in service; `routes HOME WORKSPACE KEY CALLS` asks every route that shows an analysis.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

from pipelines.analysis import build as analysis_build
from pipelines.analysis.__main__ import NICENESS
from pipelines.analysis.run import analyse
from pipelines.dbt_runner import DbtRun
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home

_SPILL_LOOK: Final = 0.1
_SPILL_FOLDERS: Final = "*/*.tmp/*"


def one_analysis(home: Home) -> dict[str, Any]:
    """Analyse the published marts anew and say what it took."""
    home.analysis_pointer.unlink(missing_ok=True)  # nothing has changed: without it, it would be taken for done
    engine = open_database(home.database_url)
    nodes: dict[str, float] = {}
    transform = analysis_build.AnalysisBuild.transform

    def transforming(self: analysis_build.AnalysisBuild, models: Any = None) -> DbtRun:
        run = transform(self, models)
        nodes.update({node.name[:80]: round(node.seconds, 2) for node in run.nodes})
        return run

    analysis_build.AnalysisBuild.transform = transforming
    started, spent = perf_counter(), process_time()
    try:
        with _spill(home) as spilt:
            result = analyse(home, engine, SystemClock())
    finally:
        analysis_build.AnalysisBuild.transform = transform
        engine.dispose()
    assert result is not None
    assert result.is_new
    slowest = sorted(nodes.items(), key=lambda one: -one[1])
    return {
        "seconds": perf_counter() - started,
        "cpu_seconds": process_time() - spent,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "spill_mib": spilt[0] / 2**20,
        "nodes": dict(slowest[:25]),
    }


def prepare(home: Home) -> None:
    """Load what a process that has analysed before has loaded."""
    analysis_build.analysis_dbt(home).manifest()
    importlib.import_module("pipelines.assets.run")


@contextmanager
def _spill(home: Home) -> Iterator[list[int]]:
    """Give a list whose one number is the most bytes that queries had on disk at a time."""
    most, over = [0], threading.Event()

    def look() -> None:
        while not over.wait(_SPILL_LOOK):
            most[0] = max(most[0], sum(_size(path) for path in home.analysis.glob(_SPILL_FOLDERS)))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield most
    finally:
        over.set()
        watcher.join()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def main() -> None:
    """Do what the arguments say."""
    os.environ.pop("HALTON_DATABASE_URL", None)  # nothing of the caller's may point elsewhere
    work, home = sys.argv[1], Home(Path(sys.argv[2]))
    if work == "routes":
        _routes(home, *sys.argv[3:])
        return
    prepare(home)
    if work == "once":
        _say(one_analysis(home))
        return
    os.nice(NICENESS)
    threading.Thread(target=_leave_when_input_ends, daemon=True).start()
    while True:
        _say({"began": True})
        _say(one_analysis(home))


def _routes(home: Home, workspace: str, key: str, calls: str) -> None:
    from tests.benchmarks.analysis_routes import time_routes

    _say(time_routes(home, workspace, key, int(calls)))


def _leave_when_input_ends() -> None:
    sys.stdin.read()
    os._exit(0)  # an analysis half-way is worth nothing


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
