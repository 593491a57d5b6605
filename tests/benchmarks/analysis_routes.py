"""Asking, in process, every route that shows an analysis or reprices: how long the server needs for each.

Belongs here: the routes and their calls, nothing of the network. Does not belong here: judging (`analysis`).

Every answer is made anew: what the server keeps of earlier answers is thrown away between two calls. What it keeps of
builds (roll-ups in memory) stays, as in service.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from time import perf_counter
from typing import Any, Final

from fastapi.testclient import TestClient

from api.app import create_app
from api.dashboards.cache import AnswerCache
from pipelines.lake.clock import SystemClock
from pipelines.lake.paths import Home
from tests.benchmarks.dataset import DAYS

_CONTENT: Final = 200
_VIEWS: Final = (
    "reconciliation", "coverage", "clusters", "optimization", "optimization/catalog", "optimization/savings",
    "executive", "budgets", "anomalies", "forecast", "chargeback", "rates", "rates?history=1",
)  # fmt: skip
_WHAT_IF: Final = {"provider": "anthropic", "model": "claude-haiku-4-5"}


def time_routes(home: Home, workspace: str, key: str, calls: int) -> dict[str, list[float]]:
    """Return the milliseconds of each call by route.

    Args:
        home: with marts and an analysis of them.
        workspace: slug.
        key: an API key that reads it.
        calls: of each route, one more before that does not count.
    """
    app = create_app(home, clock=SystemClock(), sends_mail=False)
    found: dict[str, list[float]] = {}
    client = TestClient(app, base_url="https://testserver", headers={"Authorization": f"Bearer {key}"})
    try:
        for name, ask in _asked(client, f"/v1/{workspace}/").items():
            for number in range(calls + 1):
                app.state.recent_answers.close()
                if hasattr(app.state, "dashboard_serving"):
                    app.state.dashboard_serving.cache = AnswerCache()
                started = perf_counter()
                answer = ask()
                spent = (perf_counter() - started) * 1e3
                assert answer.status_code == _CONTENT, f"{name}: {answer.text[:200]}"
                if number:
                    found.setdefault(name, []).append(spent)
    finally:
        client.close()
        app.state.snapshots.close()
        app.state.analyses.close()
        app.state.engine.dispose()
    return found


def _asked(client: TestClient, root: str) -> dict[str, Callable[[], Any]]:
    def getting(path: str) -> Callable[[], Any]:
        return lambda: client.get(root + path)

    def repricing(query: str) -> Callable[[], Any]:
        return lambda: client.post(f"{root}rates/what-if?{query}", json=_WHAT_IF)

    whole = _whole_history()
    paths = list(_VIEWS) + [f"{view}?{whole}" for view in ("reconciliation", "coverage", "clusters", "executive")]
    clusters: list[dict[str, Any]] = client.get(f"{root}clusters").json()["clusters"]
    paths += [f"clusters/{one['cluster_id']}" for one in clusters[:1]]
    yesterday = SystemClock().now().date() - timedelta(days=1)
    paths += [f"reconciliation/{yesterday:%Y-%m}", f"reconciliation/days/{yesterday}"]
    paths.append(f"rates/restatements?month={yesterday:%Y-%m}&known_at={yesterday}T00:00:00Z")
    return {path: getting(path) for path in paths} | {
        "rates/what-if, 30 days": repricing("range=last_30d"),
        f"rates/what-if, {DAYS} days": repricing(whole),
    }


def _whole_history() -> str:
    today = SystemClock().now().date()
    return f"range=custom&from={today - timedelta(days=DAYS - 1)}&to={today}"
