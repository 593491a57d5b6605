"""Benchmark `overview_http`: the overview over HTTP, from `halton-cloud serve` with one worker.

Belongs here: asking it uncached and cached, and the framework's own rate beside it. Does not belong here: the answer's
content (`queries`).

Uncached calls choose a different set of models each, so that no cache can answer; cached ones are one and the same.
"""

from __future__ import annotations

from itertools import combinations, islice
from typing import Final

import httpx

from tests.benchmarks.context import Context
from tests.benchmarks.dataset import MODELS, Dataset
from tests.benchmarks.get_client import Job, ask_apart
from tests.benchmarks.homes import built_home, copy_of
from tests.benchmarks.measure import Comparison, alternate, compare, percentile
from tests.benchmarks.rivals.serving import RivalServer
from tests.installation import Installation

ROWS: Final = 10_000_000
UNCACHED_CONNECTIONS: Final = 16
UNCACHED_CALLS: Final = 320
CACHED_CONNECTIONS: Final = 64
CACHED_CALLS: Final = 20_000
TARGET_MS: Final = 150.0
PING: Final = "bare FastAPI route"


def run(context: Context) -> list[Comparison]:
    """Measure the overview over HTTP."""
    rows = context.rows_or(ROWS)
    data = copy_of(built_home(context, rows), context.folder / "home")
    # The smallest runs are there to see that it works.
    share = min(1.0, rows / 1_000_000)
    uncached_calls = max(2 * UNCACHED_CONNECTIONS, round(UNCACHED_CALLS * share))
    cached_calls = max(2 * CACHED_CONNECTIONS, round(CACHED_CALLS * share))
    installation = Installation(data.home.root)
    installation.start()
    try:
        with RivalServer("tests.benchmarks.rivals.ping") as ping:
            return [
                _uncached(context, installation.base_url, data, rows, uncached_calls),
                _cached(context, installation.base_url, ping.url, data, rows, cached_calls),
            ]
    finally:
        installation.stop()


def _uncached(context: Context, url: str, data: Dataset, rows: int, calls: int) -> Comparison:
    paths = _different_paths(data, calls * (context.runs + 1))
    ask_apart(
        _job(url, data, paths[:calls], UNCACHED_CONNECTIONS)
    )  # the first to read a snapshot pays for its metadata
    slowest: list[float] = []
    for number in range(1, context.runs + 1):
        context.progress(f"uncached, round {number} of {context.runs}")
        outcome = ask_apart(_job(url, data, paths[number * calls : (number + 1) * calls], UNCACHED_CONNECTIONS))
        slowest.append(percentile(outcome.latencies, 0.95) * 1000)
    return compare(
        f"overview over HTTP at {rows:,} rows, {UNCACHED_CONNECTIONS} connections, uncached", "ms p95",
        {"ours": slowest}, target=f"<= {TARGET_MS:.0f} ms", met=lambda one: one["ours"] <= TARGET_MS,
    )  # fmt: skip


def _cached(context: Context, url: str, ping: str, data: Dataset, rows: int, calls: int) -> Comparison:
    path = f"/v1/{data.big.slug}/overview"
    _check_not_modified(url + path, data.big.api_key)
    found = alternate(
        context.runs,
        {
            "ours": lambda: ask_apart(_job(url, data, [path] * calls, CACHED_CONNECTIONS)).per_second,
            PING: lambda: ask_apart(
                Job(url=ping, paths=["/ping"] * calls, connections=CACHED_CONNECTIONS)
            ).per_second,
        },
        lambda told: context.progress(f"cached, {told}"),
    )  # fmt: skip
    return compare(
        f"overview over HTTP at {rows:,} rows, {CACHED_CONNECTIONS} connections, cached", "answers/s", found,
        target="at least the bare route's rate", met=lambda one: one["ours"] >= one[PING],
        note="an unchanged overview asked for by its entity tag is a 304",
    )  # fmt: skip


def _job(url: str, data: Dataset, paths: list[str], connections: int) -> Job:
    return Job(url=url, paths=paths, connections=connections, key=data.big.api_key)


def _different_paths(data: Dataset, count: int) -> list[str]:
    """Return overviews of as many different sets of models, most of the models in each."""
    names = [name for _, name, _ in MODELS]
    wanted = (
        f"/v1/{data.big.slug}/overview?range={days}&" + "&".join(f"model={model}" for model in chosen)
        for days in ("last_30d", "this_month", "last_7d")
        for size in range(len(names) - 1, 0, -1)
        for chosen in combinations(names, size)
    )
    return list(islice(wanted, count))


def _check_not_modified(url: str, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    first = httpx.get(url, headers=headers, timeout=60)
    first.raise_for_status()
    again = httpx.get(url, headers=headers | {"If-None-Match": first.headers["etag"]}, timeout=60)
    assert again.status_code == httpx.codes.NOT_MODIFIED, again.status_code
    assert again.headers["etag"] == first.headers["etag"]
    assert not again.content
