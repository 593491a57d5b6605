"""The OpenAPI document of the dashboards."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from api.dashboards.models import examples
from api.dashboards.models.budgets import BudgetsAnswer
from api.dashboards.models.cost_centres import CostCentresAnswer
from api.dashboards.models.devices import DevicesAnswer, FilterValuesAnswer
from api.dashboards.models.group_examples import BUDGETS, COST_CENTRES
from api.dashboards.models.overview import OverviewAnswer
from api.dashboards.models.projects import ProjectAnswer, ProjectsAnswer
from api.dashboards.models.reconciliation import (
    CoverageAnswer,
    ReconciledDayAnswer,
    ReconciledMonthAnswer,
    ReconciliationAnswer,
)
from api.dashboards.models.reconciliation_examples import COVERAGE, RECONCILED_DAY, RECONCILED_MONTH, RECONCILIATION
from api.dashboards.models.requests import RequestsAnswer
from api.dashboards.models.trace import TraceAnswer
from api.dashboards.models.trace_example import TRACE
from tests.api.dashboards.facts import identifier
from tests.api.dashboards.world import World

ANSWERS = {
    "overview": (OverviewAnswer, examples.OVERVIEW),
    "projects": (ProjectsAnswer, examples.PROJECTS),
    "projects/web": (ProjectAnswer, examples.PROJECT),
    "requests": (RequestsAnswer, examples.REQUESTS),
    "devices": (DevicesAnswer, examples.DEVICES),
    "filters": (FilterValuesAnswer, examples.FILTERS),
    "cost-centers": (CostCentresAnswer, COST_CENTRES),
    "budgets": (BudgetsAnswer, BUDGETS),
    "reconciliation": (ReconciliationAnswer, RECONCILIATION),
    "reconciliation/2026-03": (ReconciledMonthAnswer, RECONCILED_MONTH),
    "reconciliation/days/2026-03-08": (ReconciledDayAnswer, RECONCILED_DAY),
    "coverage": (CoverageAnswer, COVERAGE),
    f"traces/{identifier('request', 5)}": (TraceAnswer, TRACE),
}
EACH = pytest.mark.parametrize("view", ANSWERS)


@EACH
def test_answers_and_examples_have_the_documented_shape(world: World, view: str):
    shape, example = ANSWERS[view]
    assert msgspec.to_builtins(msgspec.convert(example, shape)) == example
    given = world.json(f"acme/{view}")
    assert msgspec.to_builtins(msgspec.convert(given, shape)) == given
    assert given.keys() == example.keys()


def test_every_route_is_described_with_its_parameters_and_refusals(world: World):
    paths: dict[str, Any] = world.app.openapi()["paths"]
    mine = {path: item["get"] for path, item in paths.items() if "dashboards" in item.get("get", {}).get("tags", ())}
    assert {path.removeprefix("/v1/{workspace}/") for path in mine} >= {
        "overview", "projects", "projects/{slug}", "requests", "requests.csv", "traces/{request_id}", "devices",
        "filters",
    }  # fmt: skip
    for path, operation in mine.items():
        assert operation["summary"]
        assert operation["description"]
        assert operation["security"] == [{"api_key": []}]
        assert {"200", "304", "401", "404", "503"} <= operation["responses"].keys()
        named = {parameter["name"] for parameter in operation["parameters"]}
        if "traces" not in path:
            assert {"range", "from", "to", "provider", "model", "project", "device"} <= named
        assert all(parameter.get("description") for parameter in operation["parameters"])
    ranges = next(one for one in mine["/v1/{workspace}/overview"]["parameters"] if one["name"] == "range")
    assert ranges["schema"]["enum"][0] == "last_24h"


def test_money_is_text_in_the_document(world: World):
    schemas = world.app.openapi()["components"]["schemas"]
    assert schemas["Totals"]["properties"]["cost_usd"]["type"] == "string"
    assert schemas["Totals"]["properties"]["requests"]["type"] == "integer"
