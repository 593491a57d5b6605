"""The thread that looks for crossings, on figures as they are published."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from api.alerts.delivering import Caller
from api.alerts.keeper import AlertKeeper, Sources
from api.alerts.raising import Telling
from api.audit import OPERATOR
from api.budgets.budgets import set_budget
from api.db.models import Alert, OutboxMessage
from api.db.session import reading, transaction
from api.optimisation.decisions import About, DecisionKind, decide, withdraw_decision
from api.outbox.queue import Seal
from pipelines.lake.clock import to_micros
from tests.api.dashboards.facts import identifier
from tests.api.dashboards.planned import ACME, analyse, cost, planned
from tests.api.dashboards.world import World

HOUR = timedelta(hours=1)


def test_the_keeper_notices_budgets_anomalies_and_regressions_once(
    fresh_world: Any,
) -> None:
    world: World = fresh_world(rows_each=300)
    now = world.clock.now()
    with transaction(world.engine) as session:
        named: dict[str, Any] = {"check_id": "model_swap", "project": "web", "provider": "openai", "model": "m"}
        abouts = [About(check_id="model_swap", project="web", provider="openai", model=model) for model in "mn"]
        accepted, withdrawn = (
            decide(session, ACME, DecisionKind.ACCEPT, one, actor=OPERATOR, at=now) for one in abouts
        )
        withdraw_decision(session, ACME, withdrawn.id, actor=OPERATOR, at=now)
        measured = [
            {
                "workspace_id": ACME, "decision_id": one, "counted_with": first, "state": state, "unit": "requests",
                **named, "before_per_1000_picousd": 4_500_000 * 10**6,
                "after_per_1000_picousd": 9_000_000 * 10**6,
            }
            for one, first, state in (
                (accepted.id, accepted.id, "regressed"), (withdrawn.id, withdrawn.id, "regressed"),
                (identifier("decision", 1), accepted.id, "regressed"),
                (identifier("decision", 2), identifier("decision", 2), "measured"),
            )
        ]  # fmt: skip
    plan = planned(world, hour=now - HOUR) | {"mart_savings_realised": measured}
    analyse(world.home, "a20260407T000000-00000004", plan)
    first = world.today("acme").replace(day=1)
    spent = cost(world.visible("acme", lambda row: world.local_day("acme", row) >= first))
    assert spent > 0
    with transaction(world.engine) as session:
        set_budget(session, ACME, spent, alert_percents=[80, 100, 101], actor=OPERATOR, at=now)
    app, seal = world.app.state, Seal(world.home)
    sources = Sources(world.engine, app.snapshots, app.analyses)
    caller = Caller(world.engine, app.webhook_vault, (), world.clock)
    keepers = [AlertKeeper(sources, Telling(world.engine, seal, ""), caller, world.clock) for _ in range(2)]
    # 80 and 100 percent of the workspace's budget, the anomaly of the last day, and what regressed and still stands.
    assert keepers[0].look() == 4
    assert [keeper.look() for keeper in keepers * 2] == [0] * 4
    with reading(world.engine) as session:
        alerts = session.scalars(select(Alert).where(Alert.workspace_id == ACME)).all()
        mails = session.scalars(select(OutboxMessage)).all()
    assert {(one.kind, one.percent, one.spent_millicents) for one in alerts} == {
        ("budget", 80, spent),
        ("budget", 100, spent),
        ("anomaly", None, 900_000),
        ("regression", None, 900_000),
    }
    assert mails == [], "nobody looks after this workspace"
    assert {one.noticed_at_us for one in alerts} == {to_micros(now)}
