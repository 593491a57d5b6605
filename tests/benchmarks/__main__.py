"""`python -m tests.benchmarks`: run benchmarks, print a table, write JSON.

Belongs here: the command line and the list of benchmarks. Does not belong here: any benchmark.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from rich.console import Console

from tests.benchmarks.context import Context
from tests.benchmarks.machine import facts
from tests.benchmarks.measure import Comparison
from tests.benchmarks.report import print_table, write_json

Benchmark = Callable[[Context], list[Comparison]]


def _lazily(module: str, function: str = "run") -> Benchmark:
    def benchmark(context: Context) -> list[Comparison]:
        found: Benchmark = getattr(importlib.import_module(f"tests.benchmarks.{module}"), function)
        return found(context)

    return benchmark


SUMMARIES: dict[str, str] = {
    "ingest": "durable ingest over HTTP, 8 clients, 1 worker; against a PostgreSQL mirror and reading alone",
    "daemons": "the same with 2 workers, and 200 daemons at once",
    "commands": "start-up: --help, imports, serve ready, the demo",
    "rebuild": "building all marts anew",
    "increments": "building what is new",
    "analysis": "the analysis beside the marts' build and refreshes, and what is answered from it",
    "freshness": "from acknowledgement to the dashboards",
    "queries": "dashboard queries on the marts",
    "overview_http": "the overview over HTTP",
    "capture": "what a call pays for passing our daemon, or mitmproxy alone; parallel streams; memory",
    "outbox": "sending 100,000 queued calls in one command; against posting them without an outbox",
    "metrics_cost": "what counting calls for /metrics costs, over HTTP",
}
BENCHMARKS: dict[str, Benchmark] = {name: _lazily(name) for name in SUMMARIES}

_EXAMPLES = """examples:
  python -m tests.benchmarks                            all of them, at their own sizes
  python -m tests.benchmarks ingest daemons             two of them
  python -m tests.benchmarks ingest --rows 20000 --runs 1   a quick look; not a figure to quote
  python -m tests.benchmarks --out figures.json         with every single measurement
"""


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; the exit code says whether the benchmarks worked, not how fast anything was."""
    asked = _parser().parse_args(arguments)
    console = Console(stderr=True)
    names: list[str] = asked.names or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown or asked.list:
        for name, summary in SUMMARIES.items():
            console.print(f"{name:<14} {summary}")
        if unknown:
            console.print(f"[red]there is no benchmark {', '.join(unknown)}[/red]")
        return 2 if unknown else 0
    # Children compile every module anew where bytecode is off, which no installation does.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(Path(tempfile.gettempdir()) / "halton-pycache"))
    machine = facts()
    results = [row for name in names for row in _run(name, asked, console)]
    print_table(Console(width=160 if not sys.stdout.isatty() else None), results)
    if asked.out:
        write_json(asked.out, machine, results)
    return 0


def _run(name: str, asked: argparse.Namespace, console: Console) -> list[Comparison]:
    started = perf_counter()
    with tempfile.TemporaryDirectory(prefix=f"halton-bench-{name}-") as folder, console.status(name) as status:

        def progress(message: str) -> None:
            line = f"{name} [{perf_counter() - started:.0f} s]: {message}"
            if console.is_terminal:
                status.update(line)
            else:
                console.print(line, highlight=False)

        found = BENCHMARKS[name](
            Context(folder=Path(folder), rows=asked.rows, runs=asked.runs, seed=asked.seed, progress=progress)
        )
    console.print(f"{name}: done in {perf_counter() - started:.0f} s", highlight=False)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure the product against rivals and floors: both sides in one run, medians of runs in turns.",
        epilog=_EXAMPLES + "\nbenchmarks:\n" + "\n".join(f"  {name:<14} {text}" for name, text in SUMMARIES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which benchmarks (default: all)")
    parser.add_argument("--rows", type=int, help="size of each benchmark (default: its own)")
    parser.add_argument("--runs", type=int, default=5, help="measured runs per side (default: 5)")
    parser.add_argument("--seed", type=int, default=20261122, help="of everything random")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write a JSON file")
    parser.add_argument("--list", action="store_true", help="list the benchmarks")
    return parser


if __name__ == "__main__":
    # Ended from outside, a benchmark still stops the servers it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
