"""A world with an analysis published beside its marts: recommendations, savings, forecasts, anomalies, a month's bill.

Belongs here: the made-up rows of the analysis, and people who look at them. Does not belong here: assertions.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from api.audit import OPERATOR
from api.budgets.budgets import BudgetOf, BudgetScope, set_budget
from api.cost_centres.centres import create_cost_centre
from api.db.models import Alert, Role
from api.db.session import transaction
from api.projects.settings import HourlyRate, ProjectChange, change_project
from pipelines.lake.clock import to_micros
from tests.api.conftest import Browser, People
from tests.api.dashboards.facts import identifier, workspace_id
from tests.api.dashboards.planned import analyse, planned
from tests.api.dashboards.world import World, build_world

ACME = workspace_id("acme")
HOSTILE = '<script>alert("x")</script>'
USD = 10**12
SWAP, BATCH, NIGHTLY = "a1" * 32, "b2" * 32, "c3" * 32
BASIS = "Based on 4,287 requests in the last 30 days."
UNTIL = date(2026, 4, 6)


@dataclass
class Analysed:
    """The world, and an Admin and a Member of `acme`; the Member is of `empty`, too."""

    world: World
    admin: Browser
    member: Browser

    def html(self, path: str, status: int = 200, *, by: Browser | None = None) -> str:
        answer = (by or self.admin).get(path)
        assert answer.status_code == status, answer.text[-800:]
        return answer.text

    def json(self, path: str, **query: Any) -> dict[str, Any]:
        return self.world.json(path, **query)


def finding(finding_id: str, check: str, project: str, saving: int, **more: Any) -> dict[str, Any]:
    """Return a recommendation; savings in cents."""
    return {
        "workspace_id": ACME, "finding_id": finding_id, "check_id": check, "title": check.replace("_", " ").title(),
        "project": project, "provider": "anthropic", "model": "claude-sonnet-4-6", "other_model": None,
        "state": "open",
        "sentence": f"Swap A → B on {project} and save ${saving // 100}/month. {BASIS}",
        "requests": 4_287, "window_from": UNTIL - timedelta(days=29), "window_until": UNTIL,
        "spend_picousd": 100 * USD, "saving_30d_picousd": saving * USD // 100, "counted_saving_picousd": 0,
        "overlaps_with": [], "confidence": "high", "confidence_reason": "All prompts are short.",
        "evidence": json.dumps({"error_requests": 3, "other_picousd": str(5 * USD), "what_else": HOSTILE}),
        "sample_request_ids": [identifier("request", 1)], **more,
    }  # fmt: skip


def optimised() -> dict[str, list[dict[str, Any]]]:
    """Return what the analysis found: two recommendations about the same requests, one elsewhere, and its history."""
    window = {"workspace_id": ACME, "provider": "anthropic", "model": "claude-sonnet-4-6", "requests": 4_287}
    saving = {
        "workspace_id": ACME, "check_id": "model_swap", "project": "web", "provider": "anthropic",
        "model": "claude-sonnet-4-6", "decided_at": "2026-03-20 10:00:00", "quoted_saving_picousd": 42 * USD,
        "unit": "requests", "before_from": UNTIL - timedelta(days=50), "before_until": UNTIL - timedelta(days=20),
        "after_from": UNTIL - timedelta(days=19), "after_until": UNTIL, "requests_before": 4_000,
        "requests_after": 3_900, "units_after": 3_900, "units_compared": 3_800, "realised_picousd": 0,
    }  # fmt: skip
    amounts = ("before_per_1000_picousd", "after_per_1000_picousd", "saving_low_per_1000_picousd",
               "saving_high_per_1000_picousd")  # fmt: skip
    ids = {name: identifier("decision", name) for name in ("good", "bad", "few")}

    def measured(name: str, state: str, *values: int, realised: int = 0) -> dict[str, Any]:
        known = {key: value * USD for key, value in zip(amounts, values, strict=False)}
        own = {"decision_id": ids[name], "counted_with": ids[name], "state": state, "realised_picousd": realised * USD}
        return {**saving, **known, **own}

    return {
        "mart_optimisation_findings": [
            finding(SWAP, "model_swap", "web", 4_250, other_model="claude-haiku-4-5", overlaps_with=["batch_api"]),
            finding(BATCH, "batch_api", "web", 3_000, overlaps_with=["model_swap"], confidence="low"),
            finding(NIGHTLY, "batch_api", "=cmd()", 100, confidence_reason=HOSTILE),
        ],
        "mart_optimisation_history": [
            {
                **window, "check_id": "model_swap", "title": "Cheaper sibling model", "what": "What a cheaper one can.",
                "project": "web", "window_number": number, "window_from": UNTIL - timedelta(days=30 * number + 29),
                "window_until": UNTIL - timedelta(days=30 * number), "spend_picousd": 100 * USD,
                "saving_picousd": (42 + number) * USD,
            }
            for number in (0, 1)
        ],
        "mart_savings_realised": [
            measured("good", "measured", 15, 5, 9, 11, realised=38),
            measured("bad", "regressed", 5, 9, -6, -2, realised=-16),
            measured("few", "not_enough_data"),
        ],
    }  # fmt: skip


@contextmanager
def opened_analysis(root: Path) -> Generator[Analysed]:
    """Build the world with its analysis, budgets, cost centres and an alert, and sign two people in."""
    world = build_world(root, rows_each=250)
    at = world.clock.now()
    with transaction(world.engine) as session:
        create_cost_centre(session, ACME, HOSTILE, actor=OPERATOR, at=at)
        create_cost_centre(session, ACME, "R&D", actor=OPERATOR, at=at)
        rate = HourlyRate(12_000_000, "USD")
        for project, change in {
            "web": ProjectChange(markup_basis_points=1_500, client_name=HOSTILE, cost_centre="r-d"),
            "team/app": ProjectChange(hourly_rate=rate),
            "=cmd()": ProjectChange(display_name=HOSTILE),
        }.items():
            change_project(session, ACME, project, change, actor=OPERATOR, at=at)
        set_budget(session, ACME, 100_000, of=BudgetOf(BudgetScope.PROJECT, "web"), alert_percents=[1, 50],
                   actor=OPERATOR, at=at)  # fmt: skip
        set_budget(session, ACME, 10**12, of=BudgetOf(BudgetScope.WORKSPACE, ""), actor=OPERATOR, at=at)
        session.add(
            Alert(
                id=identifier("alert", 1), workspace_id=ACME, crossing="c" * 64, kind="budget",
                noticed_at_us=to_micros(at), build_id="b1",
                is_told=True, mails=2, spent_millicents=123_456, limit_millicents=100_000,
                scope="project", slug=HOSTILE, month="2026-04-01", percent=80,
            )
        )  # fmt: skip
    tables = {**planned(world, hour=at - timedelta(hours=2)), **optimised()}
    analyse(world.home, "a20260407T000000-00000002", tables)
    people = People(world.app, world.engine, world.clock)
    admin = people.member(ACME, "admin@pages.example", Role.ADMIN)
    people.member(workspace_id("empty"), "member@pages.example")
    yield Analysed(world, admin, people.member(ACME, "member@pages.example"))
    world.close()
