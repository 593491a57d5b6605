"""Durable ingest over HTTP: our server, the same route over a PostgreSQL mirror, and the floor of reading alone.

Belongs here: one worker and eight clients, and the figures of the README. Does not belong here: driving uploads
(`uploading`), the rivals (`rivals`), more workers and more clients (`daemons`).

All three servers run all the time; one is sent to at a time. Ours and the mirror hold rows already, as an installation
does: both were sent as many before anything is timed, and then had them built (ours) or vacuumed, analysed and written
out (the mirror). Our builds happen between the timed parts; the mirror's settings keep checkpoints out of them, so that
it writes a page whole to its log once, early on, and not again. What our build spends on de-duplication, which the
mirror does while it inserts, is added to our time: the query that decides which rows are repeats in one figure, the
whole staging model in another (see `deduplicating`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from statistics import median

from pipelines.lake.paths import Home
from tests.benchmarks.context import Context
from tests.benchmarks.deduplicating import Deduplication, Later
from tests.benchmarks.load_client import Outcome
from tests.benchmarks.measure import OURS, Comparison, alternate, compare, percentile, show
from tests.benchmarks.processor_time import processor_seconds
from tests.benchmarks.rivals import postgres_mirror, postgres_mirror_cluster, postgres_mirror_schema
from tests.benchmarks.rivals.serving import RivalServer
from tests.benchmarks.uploading import Load, landed, pair_machines, send, started_server

CLIENTS = 8
BATCH_ROWS = 1_000
DEFAULT_ROWS = 160_000
HELD_ROWS = 1_000_000
"""Rows that ours and the mirror hold before anything is timed, unless the command line asks for a size."""
MIRROR, FLOOR = "PostgreSQL mirror", "decode only"
_PIECE_BATCHES = 25

_NOTHING = Later(finding=0.0, staging=0.0, repeats=0)


@dataclass(frozen=True)
class Sample:
    """One timed run of one side, what it leaves for later, and the processor time of its server and database."""

    outcome: Outcome
    later: Later = _NOTHING
    cpu_seconds: float = 0.0

    def rate(self, later_seconds: float = 0.0) -> float:
        """Return rows per second, work done later counted in."""
        return self.outcome.received / (self.outcome.seconds + later_seconds)

    @property
    def p99_ms(self) -> float:
        return percentile(self.outcome.latencies, 0.99) * 1000


def run(context: Context) -> list[Comparison]:
    """Measure ingest with one worker."""
    load = Load(max(1, context.rows_or(DEFAULT_ROWS) // (CLIENTS * BATCH_ROWS)), BATCH_ROWS)
    with ExitStack() as stack:
        sides = started_sides(stack, context, load, clients=CLIENTS, workers=1)
        samples = alternate(context.runs, sides, context.progress)
    return figures(samples, load, workers=1, held=context.rows_or(HELD_ROWS))


def started_sides(
    stack: ExitStack, context: Context, load: Load, *, clients: int, workers: int
) -> dict[str, Callable[[], Sample]]:
    """Start the three servers, warm them, and return how to measure each; `stack` stops them."""
    context.progress("starting the servers")
    ours = started_server(context.folder, workers)
    stack.callback(ours.stop)
    tokens = pair_machines(ours, clients)
    deduplication = stack.enter_context(Deduplication(Home(ours.home)))
    uri = stack.enter_context(postgres_mirror_cluster.running_cluster())
    postmaster = postgres_mirror_schema.postmaster(uri)
    mirror_tokens = postgres_mirror_schema.create(uri, clients)
    mirror = stack.enter_context(RivalServer(postgres_mirror.__name__, workers, {postgres_mirror.URI_VARIABLE: uri}))
    floor = stack.enter_context(RivalServer("tests.benchmarks.rivals.decode_only", workers))
    seeds = iter(range(context.seed, context.seed + 1_000_000))
    sent = 0

    def timed(url: str, theirs: list[str], *pids: int, load: Load = load) -> Sample:
        before = processor_seconds(*pids)
        outcome = send(url, theirs, load, next(seeds))
        return Sample(outcome, cpu_seconds=processor_seconds(*pids) - before)

    def send_ours(load: Load = load) -> Sample:
        nonlocal sent
        assert ours.server is not None
        sample = timed(ours.base_url, tokens, ours.server.pid, load=load)
        sent += sample.outcome.received
        return sample

    def run_ours() -> Sample:
        sample = send_ours()
        found = landed(Home(ours.home))
        assert (found.ledger_rows, found.file_rows, found.distinct_ids) == (sent, sent, sent), (sent, found)
        context.progress("building, for the cost of de-duplication")
        later = deduplication.build()
        assert later.repeats == 0, "new ids were taken for repeats"
        return replace(sample, later=later)

    def run_mirror() -> Sample:
        before = postgres_mirror_schema.count_requests(uri)
        sample = timed(mirror.url, mirror_tokens, mirror.pid, postmaster)
        assert postgres_mirror_schema.count_requests(uri) == before + sample.outcome.received
        return sample

    def run_floor() -> Sample:
        return timed(floor.url, tokens, floor.pid)

    context.progress("filling ours and the mirror")
    for piece in _pieces(context.rows_or(HELD_ROWS), clients):
        send_ours(piece)
        send(mirror.url, mirror_tokens, piece, next(seeds))
    context.progress("warming up")
    sides = {OURS: run_ours, MIRROR: run_mirror, FLOOR: run_floor}
    for side in sides.values():
        side()  # also publishes a first build, so that those timed are incremental
    postgres_mirror_cluster.settle(uri)
    os.sync()
    return sides


def _pieces(rows: int, clients: int) -> Iterator[Load]:
    """Cut the rows to be held into loads whose bodies fit into memory."""
    batches = max(1, rows // (clients * BATCH_ROWS))
    for start in range(0, batches, _PIECE_BATCHES):
        yield Load(min(_PIECE_BATCHES, batches - start), BATCH_ROWS)


def figures(samples: dict[str, list[Sample]], load: Load, *, workers: int, held: int) -> list[Comparison]:
    """Make the rows of the table."""
    ours = samples[OURS]
    clients = len(ours[0].outcome.latencies) // load.batches
    work = f"durable ingest, {clients} clients x {load.batch_rows:,} rows, {counted(workers)}"
    at_door = {name: [sample.rate() for sample in found] for name, found in samples.items()}
    finding = [sample.later.finding for sample in ours]
    staging = [sample.later.staging for sample in ours]
    mirror = {MIRROR: at_door[MIRROR]}
    return [
        compare(
            f"{work}, finding repeats later counted in",
            "rows/s",
            {OURS: [sample.rate(later) for sample, later in zip(ours, finding, strict=True)], **mirror},
            target=">= 3x the PostgreSQL mirror",
            met=lambda medians: medians[OURS] >= 3 * medians[MIRROR],
            note=f"{_per_row(ours, finding)}; {_client_cost(samples)}; {load.rows(clients):,} rows a run; both held"
            f" {held:,} rows before",
        ),
        compare(
            f"{work}, whole staging model counted in",
            "rows/s",
            {OURS: [sample.rate(later) for sample, later in zip(ours, staging, strict=True)], **mirror},
            note=f"{_per_row(ours, staging)}, loading every row into the warehouse included",
        ),
        compare(
            f"{work}, at the door",
            "rows/s",
            {OURS: at_door[OURS], FLOOR: at_door[FLOOR]},
            target=">= 50 % of decoding alone",
            met=lambda medians: medians[OURS] >= 0.5 * medians[FLOOR],
        ),
        compare(
            f"{work}, server and database at the door",
            "ms of processor per 1,000 rows",
            {
                name: [1e6 * sample.cpu_seconds / sample.outcome.received for sample in found]
                for name, found in samples.items()
            },
        ),
        compare(
            work,
            "ms p99 of a batch",
            {name: [sample.p99_ms for sample in samples[name]] for name in (OURS, MIRROR)},
            target="<= the PostgreSQL mirror",
            met=lambda medians: medians[OURS] <= medians[MIRROR],
        ),
    ]


def _per_row(samples: list[Sample], seconds: list[float]) -> str:
    each = [later / sample.outcome.received for sample, later in zip(samples, seconds, strict=True)]
    return f"{show(median(each) * 1e6)} us/row later"


def _client_cost(samples: dict[str, list[Sample]]) -> str:
    shares = [
        f"{name} {median(sample.outcome.cpu_seconds / sample.outcome.seconds for sample in found):.0%}"
        for name, found in samples.items()
    ]
    return f"clients used of one core: {', '.join(shares)}"


def counted(workers: int) -> str:
    """Return `1 worker`, `2 workers`, …."""
    return "1 worker" if workers == 1 else f"{workers} workers"
