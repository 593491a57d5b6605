"""Asking, in process, every route and every page of figures: how long the server needs for each.

Belongs here: the routes and their calls, nothing of the network. Does not belong here: judging (`analysis`).

Every answer is made anew: what the server keeps of earlier answers is thrown away between two calls. What it keeps of
builds (roll-ups in memory) stays, as in service. Charts are left out: a page is there before them.
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
PAGE: Final = "page "
"""How names of pages begin; all others are of JSON."""
_BOTH: Final = (
    "overview", "projects", "requests", "cost-centers", "reconciliation", "clusters", "optimization",
    "optimization/catalog", "optimization/savings", "executive", "budgets", "anomalies", "alerts", "rates", "reports",
    "audit",
)  # fmt: skip
_VIEWS: Final = ("coverage", "forecast", "chargeback", "devices", "filters", "focus", "rates?history=1")
_PAGES: Final = ("reconciliation/coverage", "reconciliation/bills", "rates/what-if", "settings/devices")
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

    def showing(path: str) -> Callable[[], Any]:
        return lambda: client.get(f"{root.removeprefix('/v1')}{path}")

    whole = _whole_history()
    yesterday = SystemClock().now().date() - timedelta(days=1)
    clusters: list[dict[str, Any]] = client.get(f"{root}clusters").json()["clusters"]
    both = [*_BOTH, f"projects/{_first(client, root, 'projects')['project']}"]
    both.append(f"traces/{_first(client, root, 'requests')['request_id']}")
    both += [f"clusters/{one['cluster_id']}" for one in clusters[:1]]
    both += [f"reconciliation/{yesterday:%Y-%m}", f"reconciliation/days/{yesterday}"]
    both += [
        f"{view}?{whole}" for view in ("overview", "projects", "requests", "reconciliation", "clusters", "executive")
    ]
    paths = [*both, *_VIEWS, f"coverage?{whole}"]
    paths.append(f"rates/restatements?month={yesterday:%Y-%m}&known_at={yesterday}T00:00:00Z")
    pages = [*both, *_PAGES, f"rates/what-if?at_model={_WHAT_IF['provider']}/{_WHAT_IF['model']}"]
    return {
        **{path: getting(path) for path in paths},
        "rates/what-if, 30 days": repricing("range=last_30d"),
        f"rates/what-if, {DAYS} days": repricing(whole),
        **{f"{PAGE}{path}": showing(path) for path in pages},
    }


def _first(client: TestClient, root: str, view: str) -> dict[str, Any]:
    """Return the first of what a view lists."""
    return client.get(f"{root}{view}").json()[view][0]


def _whole_history() -> str:
    today = SystemClock().now().date()
    return f"range=custom&from={today - timedelta(days=DAYS - 1)}&to={today}"
