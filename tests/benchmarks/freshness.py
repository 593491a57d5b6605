"""Benchmark `freshness`: from a batch's acknowledgement to the moment the dashboards show it.

Belongs here: sending a batch a second to `halton-cloud up` and watching the overview. Does not belong here: judging the
server's own speed (`ingest`, `overview_http`).

HALTON_BENCHMARK_SECONDS shortens the three minutes.
"""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import httpx

from pipelines.lake.clock import SystemClock
from tests.benchmarks.context import Context
from tests.benchmarks.homes import built_home, copy_of
from tests.benchmarks.measure import Comparison, percentile, spread
from tests.installation import Installation
from tests.wire_records import instant, record, uuid_from

ROWS: Final = 1_000_000
SECONDS_VARIABLE: Final = "HALTON_BENCHMARK_SECONDS"
SECONDS: Final = 180.0
BATCH_ROWS: Final = 50
TARGET_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 120.0
_PROJECT: Final = "freshness"


@dataclass
class Watch:
    """What was acknowledged and what was seen, each with its instant."""

    acknowledged: list[float] = field(default_factory=list[float])
    seen: list[float] = field(default_factory=list[float])

    def see(self, requests: int, now: float) -> None:
        """Note that the overview counts so many requests."""
        while len(self.seen) < requests // BATCH_ROWS:
            self.seen.append(now)

    def delays(self) -> list[float]:
        """Return the seconds between each batch's acknowledgement and its showing."""
        return [max(0.0, seen - told) for told, seen in zip(self.acknowledged, self.seen, strict=True)]


def run(context: Context) -> list[Comparison]:
    """Measure freshness on a home of a million rows that grows every second."""
    rows = context.rows_or(ROWS)
    data = copy_of(built_home(context, rows), context.folder / "home")
    seconds = float(os.environ.get(SECONDS_VARIABLE, SECONDS))
    batches = max(2, round(seconds))
    installation = Installation(data.home.root)
    installation.start(command="up")
    watch = Watch()
    try:
        laptop = installation.pair(data.big.slug, "freshness")
        reader = threading.Thread(
            target=_look,
            args=(f"{installation.base_url}/v1/{data.big.slug}/overview", data.big.api_key, watch, batches),
        )
        # Warm as an installation that has been up for a while: one batch all the way, not counted.
        context.progress("the first batch warms up")
        laptop.upload(_batch(context.seed, -1, "warm-up")).raise_for_status()
        _wait_for(f"{installation.base_url}/v1/{data.big.slug}/overview", data.big.api_key, "warm-up")
        reader.start()
        begin = time.perf_counter()
        for number in range(batches):
            time.sleep(max(0.0, begin + number - time.perf_counter()))
            context.progress(f"batch {number + 1} of {batches}")
            laptop.upload(_batch(context.seed, number, _PROJECT)).raise_for_status()
            watch.acknowledged.append(time.perf_counter())
        reader.join(_PATIENCE_SECONDS)
    finally:
        installation.stop()
    missing = batches - len(watch.seen)
    assert not missing, f"{missing} of {batches} acknowledged batches were never shown"
    delays = watch.delays()
    slowest = percentile(delays, 0.95)
    return [
        Comparison(
            work=f"a batch a second for {batches} s at {rows:,} rows, acknowledged to shown", metric="seconds p95",
            ours=slowest, others={}, target=f"<= {TARGET_SECONDS:.0f} s", met=slowest <= TARGET_SECONDS,
            note=f"median {percentile(delays, 0.5):.2f}, {spread(delays)}", samples={"ours": delays},
        )
    ]  # fmt: skip


def _batch(seed: int, number: int, project: str) -> bytes:
    made = instant(SystemClock().now() - timedelta(seconds=1))
    records = [
        record((seed, "freshness", number, row), project=project, requested_at=made, recorded_at=made)
        for row in range(BATCH_ROWS)
    ]
    return json.dumps({"batch_id": uuid_from((seed, "freshness", number)), "records": records}).encode()


def _look(url: str, key: str, watch: Watch, batches: int) -> None:
    deadline = time.perf_counter() + batches + _PATIENCE_SECONDS
    with httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        while len(watch.seen) < batches and time.perf_counter() < deadline:
            watch.see(_shown(client, url, _PROJECT), time.perf_counter())
            time.sleep(_POLL_SECONDS)


def _wait_for(url: str, key: str, project: str) -> None:
    deadline = time.perf_counter() + _PATIENCE_SECONDS
    with httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        while not _shown(client, url, project):
            assert time.perf_counter() < deadline, "the first batch was never shown"
            time.sleep(_POLL_SECONDS)


def _shown(client: httpx.Client, url: str, project: str) -> int:
    answer = client.get(url, params={"range": "last_30d", "project": project})
    answer.raise_for_status()
    return int(answer.json()["totals"]["requests"])
