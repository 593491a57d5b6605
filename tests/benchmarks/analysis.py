"""Benchmark `analysis`: the second stage beside the spine: its build, what it costs refreshes, what readers wait.

Belongs here: the sides and their comparison. Does not belong here: what a side does (`analysis_worker`,
`rebuild_worker`), routes (`analysis_routes`), bills and decisions (`dataset_finance`).

A home with millions of rows, one prompt in ten sent more than once, bills of every day, budgets and decisions. An
analysis is a whole one: export, models, tests, publishing, its run recorded; its process is as warm as the one that
`halton-cloud up` keeps. Refreshes beside it meet an analysis that begins again as soon as it has ended, which in
service waits five minutes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.benchmarks.analysis_routes import PAGE
from tests.benchmarks.context import Context
from tests.benchmarks.dataset import DAYS, Dataset
from tests.benchmarks.dataset_finance import add_finance
from tests.benchmarks.homes import built_home, copy_of
from tests.benchmarks.increments import NEW_ROWS, SECONDS, Growing
from tests.benchmarks.measure import Comparison, alternate, compare, percentile, show
from tests.benchmarks.rebuild import measured_apart

ROWS: Final = 10_000_000
REPEATING: Final = 100
CALLS: Final = 20
TARGET_MS: Final = 200.0
SPINE: Final = "full rebuild of the marts"
SMALLER: Final = "at a tenth of the rows"
ALONE: Final = "nothing beside it"


def run(context: Context) -> list[Comparison]:
    """Compare the analysis with the spine's build, refreshes with and without it, and routes with their target."""
    rows = context.rows_or(ROWS)
    large, small = (_with_finance(context, size) for size in (rows, max(2_000, rows // 10)))
    built = _built(context, rows, large, small)
    refreshed = _refreshed(context, rows, large)
    return [*built, refreshed, *_answered(context, rows, large)]


def _with_finance(context: Context, rows: int) -> Dataset:
    data = copy_of(built_home(context, rows, REPEATING), context.folder / f"analysed-{rows}")
    add_finance(data)
    return data


def _built(context: Context, rows: int, large: Dataset, small: Dataset) -> list[Comparison]:
    spine = copy_of(built_home(context, rows, REPEATING), context.folder / "rebuilt")
    sides: dict[str, Callable[[], dict[str, Any]]] = {
        "ours": lambda: _worker("once", large.home.root),
        SMALLER: lambda: _worker("once", small.home.root),
        SPINE: lambda: measured_apart("refresh", spine.home.root),
    }
    found = alternate(context.runs, sides, context.progress)
    seconds = {name: [one.get("seconds") or one["refresh_seconds"] for one in found[name]] for name in sides}
    memory = {name: [one["peak_mib"] for one in found[name]] for name in sides}
    spent = ", ".join(f"{name} {median(one['cpu_seconds'] for one in found[name]):.0f} s" for name in sides)
    work = f"analysis of {rows:,} rows"
    return [
        compare(
            f"{work}, published", "seconds", seconds, target=f"<= a {SPINE}",
            met=lambda one: one["ours"] <= one[SPINE],
            note=f"processor {spent}; slowest {_slowest(found['ours'])}",
        ),
        compare(
            f"{work}, memory", "MiB", memory, target=f"<= that of a {SPINE}",
            met=lambda one: one["ours"] <= one[SPINE],
            note=f"on disk besides {max(one['spill_mib'] for one in found['ours']):,.0f} MiB",
        ),
    ]  # fmt: skip


def _refreshed(context: Context, rows: int, data: Dataset) -> Comparison:
    growing = Growing(data, context.folder / "growing")
    with growing.refresher():

        def beside() -> float:
            with _analysing(growing.data.home.root):
                return float(growing.increment()["refresh_seconds"])

        def alone() -> float:
            return float(growing.increment()["refresh_seconds"])

        found = alternate(context.runs, {"ours": beside, ALONE: alone}, context.progress)
    return compare(
        f"{NEW_ROWS:,} new rows onto {rows:,} while an analysis is built", "seconds", found,
        target=f"<= {SECONDS:.0f} s", met=lambda one: one["ours"] <= SECONDS,
    )  # fmt: skip


def _answered(context: Context, rows: int, data: Dataset) -> list[Comparison]:
    calls = max(2, min(CALLS, rows // 100_000))
    context.progress("asking the routes")
    timed = _worker("routes", data.home.root, data.big.slug, data.big.api_key, str(calls))
    views = {name: one for name, one in timed.items() if not name.startswith(PAGE)}
    groups: dict[str, Mapping[str, Sequence[float]]] = {
        "views of figures": {name: one for name, one in views.items() if not name.startswith("rates")},
        "rates and repricing": {name: one for name, one in views.items() if name.startswith("rates")},
        "pages": {name.removeprefix(PAGE): one for name, one in timed.items() if name.startswith(PAGE)},
    }
    return [_judged(f"{group} of {rows:,} rows, each answer made anew", routes) for group, routes in groups.items()]


def _judged(work: str, routes: Mapping[str, Sequence[float]]) -> Comparison:
    p95 = {name: percentile(values, 0.95) for name, values in routes.items()}
    told = ", ".join(f"{_short(name)} {show(median(routes[name]))}/{show(p95[name])}" for name in p95)
    return Comparison(
        f"{work}, the slowest route", "ms p95", max(p95.values()), {}, f"<= {TARGET_MS:.0f} ms",
        max(p95.values()) <= TARGET_MS, f"p50/p95: {told}", {name: list(values) for name, values in routes.items()},
    )  # fmt: skip


def _short(name: str) -> str:
    path, _, query = name.partition("?")
    return path[:40] + (f" of {DAYS} days" if "from=" in query else " asked" if "at_model" in query else "")


@contextmanager
def _analysing(home: Path) -> Generator[None]:
    """Analyse over and over for the length of the block, in a process that gives way as in service."""
    command = [sys.executable, "-m", "tests.benchmarks.analysis_worker", "over-and-over", str(home)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert json.loads(process.stdout.readline())["began"], "the analysing process ended"
            yield
            assert process.poll() is None, "the analysing process ended; its message stands on stderr"
        finally:
            process.stdin.close()


def _worker(work: str, home: Path, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.analysis_worker", work, str(home), *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    return json.loads(done.stdout)


def _slowest(found: Sequence[dict[str, Any]]) -> str:
    names = found[-1]["nodes"]
    medians = {name: median(one["nodes"].get(name, 0.0) for one in found) for name in names}
    return ", ".join(
        f"{name} {seconds:.1f} s" for name, seconds in sorted(medians.items(), key=lambda one: -one[1])[:4]
    )
