"""Ingest with more of everything: two workers, and two hundred daemons at once.

Belongs here: how ingest scales with workers and with clients, and that nothing is lost meanwhile. Does not belong here:
the comparison with one worker (`ingest`), whose sides these are.
"""

from __future__ import annotations

from contextlib import ExitStack
from statistics import median

from pipelines.lake.paths import Home
from tests.benchmarks.context import Context
from tests.benchmarks.ingest import BATCH_ROWS, CLIENTS, DEFAULT_ROWS, HELD_ROWS, counted, figures, started_sides
from tests.benchmarks.load_client import Outcome
from tests.benchmarks.measure import OURS, Comparison, alternate, compare, percentile, show
from tests.benchmarks.uploading import Load, landed, pair_machines, send, started_server

WORKERS = 2
DAEMONS = 200
DAEMON_BATCH_ROWS = 500
ONE_WORKER = "1 worker"


def run(context: Context) -> list[Comparison]:
    """Measure two workers against the rival with two and against ourselves with one; then the crowd."""
    return [*_two_workers(context), _scaling(context), *_crowd(context, DAEMONS)]


def _two_workers(context: Context) -> list[Comparison]:
    load = Load(max(1, context.rows_or(DEFAULT_ROWS) // (CLIENTS * BATCH_ROWS)), BATCH_ROWS)
    with ExitStack() as stack:
        sides = started_sides(stack, context, load, clients=CLIENTS, workers=WORKERS)
        samples = alternate(context.runs, sides, context.progress)
    return figures(samples, load, workers=WORKERS, held=context.rows_or(HELD_ROWS))


def _scaling(context: Context) -> Comparison:
    """Compare two workers with one, each over a home of its own."""
    load = Load(max(1, context.rows_or(DEFAULT_ROWS) // (CLIENTS * BATCH_ROWS)), BATCH_ROWS)
    seeds = iter(range(context.seed + 2_000_000, context.seed + 3_000_000))
    with ExitStack() as stack:
        rates = {}
        for name, workers in ((OURS, WORKERS), (ONE_WORKER, 1)):
            server = started_server(context.subfolder(f"workers-{workers}"), workers)
            stack.callback(server.stop)
            tokens = pair_machines(server, CLIENTS)
            send(server.base_url, tokens, Load(1, BATCH_ROWS), next(seeds))

            def rate(url: str = server.base_url, tokens: list[str] = tokens) -> float:
                outcome = send(url, tokens, load, next(seeds))
                return outcome.received / outcome.seconds

            rates[name] = rate
        samples = alternate(context.runs, rates, context.progress)
    return compare(
        f"durable ingest at the door, {WORKERS} workers against 1",
        "rows/s",
        samples,
        note="one worker already uses both cores of a 2-core machine: Arrow reads and writes outside Python's lock",
    )


def _crowd(context: Context, daemons: int, workers: int = WORKERS) -> list[Comparison]:
    """Let many daemons send at once, and count what landed."""
    batches = max(1, context.rows_or(2 * daemons * DAEMON_BATCH_ROWS) // (daemons * DAEMON_BATCH_ROWS))
    load = Load(batches, DAEMON_BATCH_ROWS)
    context.progress(f"pairing {daemons} machines")
    server = started_server(context.subfolder("crowd"), workers)
    try:
        tokens = pair_machines(server, daemons)
        warm = send(server.base_url, tokens, Load(1, 10), context.seed + 4_000_000)
        outcomes: list[Outcome] = []
        for number in range(context.runs):
            context.progress(f"{daemons} daemons at once, run {number + 1} of {context.runs}")
            outcomes.append(send(server.base_url, tokens, load, context.seed + 5_000_000 + number))
        found = landed(Home(server.home))
    finally:
        server.stop()
    sent = warm.received + sum(outcome.received for outcome in outcomes)
    lost = sent - min(found.ledger_rows, found.file_rows, found.distinct_ids)
    work = f"{daemons} daemons at once x {DAEMON_BATCH_ROWS} rows, {counted(workers)}"
    busy = sum(outcome.busy for outcome in outcomes)
    cost = median(outcome.cpu_seconds / outcome.seconds for outcome in outcomes)
    return [
        compare(
            work,
            "ms p99 of a batch",
            {OURS: [percentile(outcome.latencies, 0.99) * 1000 for outcome in outcomes]},
            note=f"{busy} times told to come back later; the clients used {cost:.0%} of one core",
        ),
        compare(
            work,
            "rows/s",
            {OURS: [outcome.received / outcome.seconds for outcome in outcomes]},
            note=f"{load.rows(daemons):,} rows a run",
        ),
        Comparison(
            work=work,
            metric="rows lost",
            ours=float(lost),
            others={},
            target="0 of what was acknowledged",
            met=lost == 0,
            note=f"{show(float(sent))} rows acknowledged; counted in the ledger, in the files, and as different ids",
        ),
    ]
