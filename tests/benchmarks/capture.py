"""Benchmark `capture`: what a call pays for being on record, many streams at once, and the daemon's memory.

Belongs here: sizes, sides, figures and targets. Does not belong here: what runs (`capture_stage`), calling
(`capture_client`), answering (`capture_upstream`).

Every side answers the same client: the provider itself, mitmproxy alone as a pass-through, and the daemon as
`halton-meter start` leaves it, which meters, attributes, prices and stores each call meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Final

from tests.benchmarks.capture_client import Job, Outcome
from tests.benchmarks.capture_stage import BARE, DIRECT, GATEWAY, KEEPING, MODES, PROXY, Measured, Stage, staged
from tests.benchmarks.capture_upstream import Wish
from tests.benchmarks.context import Context
from tests.benchmarks.measure import OURS, Comparison, alternate, compare, percentile, show

CALLS: Final = 10_000
STREAMS: Final = 50
TARGET_MS: Final = 3.0
_PAUSE_MS: Final = 10.0
_UNMEASURED: Final = 10
_CONNECTIONS: Final = 8

Found = Mapping[str, Sequence[Measured]]


@dataclass(frozen=True)
class Sizes:
    """How much is asked for.

    Attributes:
        calls: until memory is looked at for the last time.
        messages: answers in one piece, of each measured run.
        streams: of each measured run.
        pieces: of each of the parallel streams.
    """

    calls: int

    @property
    def early(self) -> int:
        """Calls until memory is looked at for the first time."""
        return max(20, self.calls // 20)

    @property
    def rounds(self) -> int:
        """Jobs in which the calls between the two looks are made, each over new connections."""
        return max(1, min(4, self.calls // 2_000))

    @property
    def messages(self) -> int:
        return max(3, self.calls // 80)

    @property
    def streams(self) -> int:
        return max(2, self.calls // 250)

    @property
    def pieces(self) -> int:
        return max(2, min(40, self.calls // 200))


def run(context: Context) -> list[Comparison]:
    """Measure latency, then parallel streams, then memory of a daemon of its own."""
    sizes = Sizes(context.rows_or(CALLS))
    with staged(context.subfolder("latency"), keeping=True) as stage:
        parts = (_messages, _streams, _parallel)
        rows = [row for part in parts for mode in MODES for row in part(context, stage, mode, sizes)]
    with staged(context.subfolder("memory"), keeping=False) as stage:
        return [*rows, _memory(context, stage, sizes)]


def _messages(context: Context, stage: Stage, mode: str, sizes: Sizes) -> list[Comparison]:
    """Ask for messages with a pause between them, as people's programs do, and without, as nobody does."""
    apart = _alternated(context, stage, mode, calls=sizes.messages, unmeasured=_UNMEASURED, pause_ms=_PAUSE_MS)
    at_once = _alternated(context, stage, mode, calls=sizes.messages, unmeasured=_UNMEASURED)
    work = f"a message in one piece, {mode}"
    processor = {side: [each.processor_ms for each in all_] for side, all_ in apart.items() if side != DIRECT}
    return [
        *_percentiles(f"{work}, {_PAUSE_MS:.0f} ms apart", apart, lambda seen: seen.whole),
        *_percentiles(f"{work}, back to back", at_once, lambda seen: seen.whole),
        compare(work, "ms of processor a call", processor, note="of whoever is in between, storing included"),
    ]


def _streams(context: Context, stage: Stage, mode: str, sizes: Sizes) -> list[Comparison]:
    wish = Wish(pieces=20, apart_ms=1.0)
    found = _alternated(context, stage, mode, calls=sizes.streams, unmeasured=2, pause_ms=_PAUSE_MS, wish=wish)
    return [
        *_percentiles(f"first byte of a stream, {mode}", found, lambda seen: seen.first),
        *_percentiles(f"each piece of a stream, 1 ms apart, {mode}", found, lambda seen: seen.delays),
    ]


def _parallel(context: Context, stage: Stage, mode: str, sizes: Sizes) -> list[Comparison]:
    wish = Wish(pieces=sizes.pieces, apart_ms=40.0)
    sides = (DIRECT, BARE, OURS)
    found = _alternated(context, stage, mode, sides, calls=1, unmeasured=1, connections=STREAMS, wish=wish)
    work = f"each piece of {STREAMS} streams at once, {STREAMS * 25:,} pieces a second, {mode}"
    gaps = {side: [percentile(each.outcome.gaps, 0.99) for each in measured] for side, measured in found.items()}
    return [
        *_percentiles(work, found, lambda seen: seen.delays, "all streams whole"),
        compare(f"between two pieces, sent 40 ms apart, of {STREAMS} streams at once, {mode}", "ms p99", gaps),
    ]


def _alternated(
    context: Context, stage: Stage, mode: str, sides: Sequence[str] = (DIRECT, BARE, OURS, KEEPING), **asked: object
) -> dict[str, list[Measured]]:
    jobs = {side: Job(way=stage.ways[mode][side], **asked) for side in sides}  # pyright: ignore[reportArgumentType]
    told = f"{'streams' if 'wish' in asked else 'messages'}, {mode}"
    return alternate(
        context.runs,
        {side: partial(stage.ask, side, job) for side, job in jobs.items()},
        lambda message: context.progress(f"{told}, {message}"),
    )


def _percentiles(work: str, found: Found, pick: Callable[[Outcome], list[float]], note: str = "") -> list[Comparison]:
    """Return a row for p50, one for p99, and one for p50 of the daemon that keeps bodies, if it was asked."""
    half, most = (
        {side: [percentile(pick(each.outcome), share) for each in measured] for side, measured in found.items()}
        for share in (0.50, 0.99)
    )
    keeping = {side: samples.pop(KEEPING, []) for side, samples in (("p50", half), ("p99", most))}
    rows = [_row(work, "ms p50", half, note, judged=True), _row(work, "ms p99", most, note)]
    if keeping["p50"]:
        told = f"p99 {show(median(keeping['p99']))}"
        samples = half | {OURS: keeping["p50"], "no bodies": half[OURS]}
        rows.append(_row(f"{work}, bodies kept", "ms p50", samples, told, judged=True))
    return rows


def _row(
    work: str, metric: str, samples: Mapping[str, Sequence[float]], note: str, *, judged: bool = False
) -> Comparison:
    ours, bare, direct = (median(samples[side]) for side in (OURS, BARE, DIRECT))
    added = f"added: {show(ours - direct)}, by mitmproxy alone {show(bare - direct)}"
    return compare(
        work,
        metric,
        samples,
        target=f"<= {TARGET_MS:.0f} ms over bare mitmproxy" if judged else "",
        met=(lambda medians: medians[OURS] - medians[BARE] <= TARGET_MS) if judged else None,
        note="; ".join(part for part in (added, note) if part),
    )


def _memory(context: Context, stage: Stage, sizes: Sizes) -> Comparison:
    """Look at memory early and late: calls of both modes, a fifth of them streams, over ever new connections."""
    early: dict[str, float] = {}
    late: dict[str, float] = {}
    for side in (OURS, BARE):
        asked = _ask_mixed(stage, side, sizes.early)
        early[side] = stage.memory_mib(side)
        for number in range(sizes.rounds):
            context.progress(f"memory, {side}: {asked:,} calls so far")
            asked += _ask_mixed(stage, side, (sizes.calls - asked) // (sizes.rounds - number))
        late[side] = stage.memory_mib(side)
    first = f"{sizes.early:,} calls"
    return Comparison(
        work=f"memory after {sizes.calls:,} calls, keeper included", metric="MiB", ours=late[OURS],
        others={f"ours after {first}": early[OURS], BARE: late[BARE], f"{BARE} after {first}": early[BARE]},
        target="", met=None, note=f"1 run; grown by {late[OURS] - early[OURS]:+.1f} MiB",
        samples={OURS: [early[OURS], late[OURS]], BARE: [early[BARE], late[BARE]]},
    )  # fmt: skip


def _ask_mixed(stage: Stage, side: str, calls: int) -> int:
    streams = Wish(pieces=20, apart_ms=0.0)
    parts = ((GATEWAY, 2, None), (PROXY, 2, None), (GATEWAY, 0.5, streams), (PROXY, 0.5, streams))
    asked = 0
    for mode, fifths, wish in parts:
        each = max(1, round(calls * fifths / 5 / _CONNECTIONS))
        job = Job(way=stage.ways[mode][side], calls=each, connections=_CONNECTIONS, wish=wish)
        stage.ask(side, job)
        asked += job.total
    return asked
