"""Whatever a page of figures shows, a JSON route returns: the very same answer, made by the same code."""

from __future__ import annotations

import re

import pytest
from fastapi.routing import iter_route_contexts

from tests.api.pages.analysed import Analysed
from tests.api.pages.same_answer import answer_shown

QUERY = "range=last_30d&provider=anthropic,openai"
SAME = {
    "overview": "overview",
    "projects": "projects",
    "projects/web": "projects/web",
    "requests": "requests",
    "optimization": "optimization?limit=40",
    "optimization/catalog": "optimization/catalog",
    "optimization/savings": "optimization/savings",
    "executive": "executive",
    "cost-centers": "cost-centers",
    "budgets": "budgets",
    "anomalies": "anomalies",
}
"""Pages of figures, and the JSON route whose answer each is made of; those of bills and clusters are held to theirs
where there is a whole analysis (`tests/pipelines/analysis/test_reconciliation_pages.py`)."""
BESIDE = {
    "GET /{workspace}/overview": (),
    "GET /{workspace}/requests": (),
    "GET /{workspace}/audit": ("audit", "audit/digests"),
    "GET /{workspace}/traces/{request_id}": ("traces/{request_id}",),
    "GET /{workspace}/projects": ("project-settings",),
    "GET /{workspace}/projects/{slug:path}": ("project-settings", "reattributions", "requests", "cost-centers"),
    "GET /{workspace}/cost-centers": ("chargeback", "project-settings"),
    "GET /{workspace}/settings/budgets": ("budgets",),
    "GET /{workspace}/executive": ("forecast",),
    "GET /{workspace}/optimization": ("optimization/decisions", "optimization/savings"),
    "GET /{workspace}/optimization/catalog": ("optimization/decisions",),
    "GET /{workspace}/optimization/savings": ("optimization/decisions",),
    "GET /{workspace}/budgets": ("forecast", "overview"),
    "GET /{workspace}/anomalies": (),
    "GET /{workspace}/alerts": ("alerts",),
    "GET /{workspace}/settings/alerts": ("alerts/settings",),
    "GET /{workspace}/reconciliation": ("closes", "bills/connections"),
    "GET /{workspace}/reconciliation/{month}": ("closes", "coverage", "bills/connections"),
    "GET /{workspace}/reconciliation/days/{day}": (),
    "GET /{workspace}/reconciliation/coverage": ("bills/connections",),
    "GET /{workspace}/reconciliation/bills": ("bills", "bills/connections", "bills/uploads"),
    "GET /{workspace}/reconciliation/bills/uploads/{upload_id}": ("bills/uploads",),
    "GET /{workspace}/reconciliation/bills/periods/{period_id}": ("bills/periods/{period_id}",),
    "GET /{workspace}/reconciliation/bills/connections/{connection_id}": ("bills/connections",),
    "GET /{workspace}/clusters": (),
    "GET /{workspace}/clusters/{cluster_id}": ("clusters/{cluster_id}",),
    "GET /{workspace}/rates": ("rates",),
    "GET /{workspace}/rates/what-if": ("rates", "rates/what-if"),
    "GET /{workspace}/reports": ("reports", "projects", "project-settings"),
    "GET /{workspace}/members": ("members", "invitations"),
    "GET /{workspace}/members/{user_id}": ("members",),
    "GET /{workspace}/settings": ("settings",),
    "GET /{workspace}/settings/plan": ("plan",),
    "GET /{workspace}/settings/plan/change": ("plan/quote",),
    "GET /{workspace}/settings/retention": ("settings",),
    "GET /{workspace}/settings/deletion": ("deletion", "exports"),
    "GET /{workspace}/settings/devices": ("devices",),
    "GET /{workspace}/settings/devices/{device_id}": ("devices",),
    "GET /{workspace}/settings/advanced": ("api-keys",),
}
"""Every page of a workspace that shows something, and the further JSON routes that tell what it shows."""
NOTHING_OF_ITS_OWN = re.compile(
    r"/(charts|tables|logo)/|/(leave|remove|ownership|cancel|rotate|revoke|api-keys|file)$|/deletion/exports/"
)
"""Questions before something is done, redirects, files, and what pages of figures are drawn with."""


@pytest.mark.parametrize("page", SAME)
def test_a_page_is_made_of_the_answer_of_its_json_route(looked_at: Analysed, page: str) -> None:
    shown = answer_shown(lambda: looked_at.html(f"/acme/{page}?{QUERY}"))
    path, _, own = SAME[page].partition("?")
    # Budgets are of everything, whatever the filter.
    query = "&".join(part for part in (own, "" if page == "budgets" else QUERY) if part)
    key = {"Authorization": f"Bearer {looked_at.world.keys['acme']}"}
    asked = looked_at.world.client.get(f"/v1/acme/{path}?{query}", headers=key)
    assert asked.status_code == 200, asked.text
    answer = asked.json()
    if page == "projects/web":
        # The page turns pages of them, as the route of requests does.
        assert shown.pop("recent_requests") == []
        assert answer.pop("recent_requests")
    assert shown == answer


def test_every_page_of_a_workspace_has_its_json(looked_at: Analysed) -> None:
    app = looked_at.world.app
    found = [(one.path, one.methods or ()) for one in iter_route_contexts(app.routes)]
    pages = {
        f"GET {path}"
        for path, methods in found
        if path and "GET" in methods and path.startswith("/{workspace}/") and not NOTHING_OF_ITS_OWN.search(path)
    }
    assert pages == set(BESIDE)
    told = {path.removeprefix("/v1/{workspace}/") for path in app.openapi()["paths"]}
    assert {route for routes in BESIDE.values() for route in routes} <= told
