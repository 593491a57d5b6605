"""The same filter gives the same numbers everywhere."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.dashboards.facts import MODELS, PROJECTS, ZONES, device_id, totals_of
from tests.api.dashboards.world import World

RANGES = st.sampled_from(
    [
        {"range": "last_24h"},
        {"range": "last_7d"},
        {},
        {"range": "this_month"},
        {"range": "last_month"},
        {"range": "custom", "from_": "2026-03-08", "to": "2026-03-08"},
        {"range": "custom", "from_": "2026-03-01", "to": "2026-04-30"},
        {"range": "custom", "from_": "2030-01-01", "to": "2030-01-31"},
    ]
)
SELECTS = st.fixed_dictionaries(
    {},
    optional={
        "provider": st.lists(st.sampled_from([provider for provider, _ in MODELS]), max_size=2),
        "model": st.lists(st.sampled_from([model.replace(",", "\\,") for _, model in MODELS]), max_size=3),
        "project": st.lists(st.sampled_from([name or "(not shared)" for name in PROJECTS]), max_size=3),
        "device": st.lists(st.integers(0, 2), max_size=2),
    },
)


def add_up(parts: Iterable[dict[str, Any]], name: str = "cost_usd") -> Decimal:
    return sum((Decimal(part[name]) for part in parts), Decimal(0))


def chosen(world: World, workspace: str, answer: dict[str, Any], select: dict[str, list[Any]]) -> list[Any]:
    """Return the rows the answer's own period and the asked selects hold."""
    begin, end = (datetime.fromisoformat(answer["period"][name]) for name in ("starts_at", "ends_at"))

    def keep(row: dict[str, Any]) -> bool:
        columns = {"provider": "provider", "model": "model", "project": "project", "device": "device_id"}
        plain = {name: [str(value).replace("\\", "") for value in values] for name, values in select.items()}
        return begin <= row["requested_at"] < end and all(
            row[columns[name]] in values for name, values in plain.items() if values
        )

    return world.visible(workspace, keep)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(workspace=st.sampled_from(sorted(ZONES)), period=RANGES, select=SELECTS)
def test_every_view_has_the_same_totals_and_parts_that_add_up(
    world: World, workspace: str, period: dict[str, str], select: dict[str, list[Any]]
):
    if "device" in select:
        select = {**select, "device": [device_id(workspace, number) for number in select["device"]]}
    query = {**period, **select}
    overview = world.json(f"{workspace}/overview", **query)
    totals = overview["totals"]
    assert totals == totals_of(chosen(world, workspace, overview, select))
    for view in ("projects", "requests", "devices", "filters"):
        answer = world.json(f"{workspace}/{view}", **query)
        same = ("totals", "period", "filters", "build_id", "data_as_of", "time_zone", "withheld_requests")
        assert {name: answer[name] for name in same} == {name: overview[name] for name in same}
        if view in {"projects", "devices"}:
            assert add_up(answer[view]) == Decimal(totals["cost_usd"])
            assert sum(part["requests"] for part in answer[view]) == totals["requests"]
    points = overview["daily"]["points"]
    assert add_up(points) == add_up(layer for point in points for layer in point["by_provider"])
    assert add_up(points) == Decimal(totals["cost_usd"])
    rows = list(csv.DictReader(io.StringIO(world.get(f"{workspace}/requests.csv", **query).text, newline="")))
    assert len(rows) == totals["requests"]
    for name in ("cost_usd", "subscription_imputed_usd", "imported_usd", "other_basis_usd", "cost_priced_usd"):
        assert sum(Decimal(row[name] or 0) for row in rows) == Decimal(totals[name])
