"""Benchmark `metrics_cost`: what counting every call for `/metrics` costs, end to end over HTTP.

Belongs here: our server with and without the middleware, asked in turns. Does not belong here: what is counted
(`api.metrics`).

The cheapest answer there is: an overview that is given again. Whatever costs more hides more of it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from tests.benchmarks.context import Context
from tests.benchmarks.get_client import Job, ask_apart
from tests.benchmarks.homes import built_home, copy_of
from tests.benchmarks.measure import OURS, Comparison, alternate, compare
from tests.benchmarks.rivals.serving import RivalServer
from tests.benchmarks.rivals.unmeasured import HOME_VARIABLE, KEPT_VARIABLE

ROWS: Final = 20_000
CALLS: Final = 20_000
CONNECTIONS: Final = 32
WITHOUT: Final = "without counting"
SHARE: Final = 0.95


def run(context: Context) -> list[Comparison]:
    """Compare answers a second with and without counting."""
    rows = context.rows_or(ROWS)
    data = copy_of(built_home(context, rows), context.folder / "home")
    calls = max(2 * CONNECTIONS, CALLS * min(rows, ROWS) // ROWS)
    with ExitStack() as stack:
        home = {HOME_VARIABLE: str(data.home.root)}
        module = "tests.benchmarks.rivals.unmeasured"
        servers = {
            OURS: stack.enter_context(RivalServer(module, environment={**home, KEPT_VARIABLE: "1"})),
            WITHOUT: stack.enter_context(RivalServer(module, environment=home)),
        }
        path = f"/v1/{data.big.slug}/overview"
        sides = {name: _asking(one.url, path, data.big.api_key, calls) for name, one in servers.items()}
        for ask in sides.values():
            ask()  # the first to be asked loads what the others find
        found = alternate(context.runs, sides, context.progress)
    return [
        compare(
            f"an overview given again, {CONNECTIONS} connections, with every call counted", "answers/s", found,
            target=f">= {SHARE:.0%} of the rate without", met=lambda one: one[OURS] >= SHARE * one[WITHOUT],
        )
    ]  # fmt: skip


def _asking(url: str, path: str, key: str, calls: int) -> Callable[[], float]:
    return lambda: ask_apart(Job(url=url, paths=[path] * calls, connections=CONNECTIONS, key=key)).per_second
