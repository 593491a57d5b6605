"""A workspace, its connections, and fakes of providers over one ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from starlette.applications import Starlette

from api.audit import OPERATOR
from api.bills.connections import NewConnection, add_connection
from api.db.models import Plan
from api.db.session import transaction
from api.workspaces import create_workspace
from pipelines.billing.connections import ConnectionSettings, Reach
from pipelines.billing.credentials import CredentialVault
from pipelines.billing.http import Patience
from pipelines.billing.run import Reading, Wanted, read_bills
from pipelines.lake.bills import ConnectionKind, bill_lines, bill_periods
from pipelines.lake.clock import FixedClock
from pipelines.lake.paths import Home
from tests.billing_fakes.anthropic import anthropic_app
from tests.billing_fakes.ledger import ADMIN_KEY, Fake, Ledger, seeded
from tests.billing_fakes.openai import KINDS as OPENAI_KINDS
from tests.billing_fakes.openai import openai_app
from tests.billing_fakes.serving import served
from tests.billing_fakes.xai import TEAM, UNIT, xai_app

FIRST, LAST = date(2026, 6, 10), date(2026, 6, 30)
"""The ledger's days; the clock stands at noon of the day after."""
APPS: dict[ConnectionKind, Callable[[Fake], Starlette]] = {
    ConnectionKind.ANTHROPIC_ANALYTICS: anthropic_app,
    ConnectionKind.ANTHROPIC_COST_REPORT: anthropic_app,
    ConnectionKind.OPENAI_COSTS: openai_app,
    ConnectionKind.XAI_USAGE: xai_app,
}
NO_WAITING = Reach(patience=Patience(sleep=lambda _: None, jitter=lambda: 0.0))


def ledger_for(kind: ConnectionKind) -> Ledger:
    """Return the seeded ledger with what this provider knows of."""
    days = (LAST - FIRST).days + 1
    if kind is ConnectionKind.OPENAI_COSTS:
        return seeded(FIRST, days, kinds=OPENAI_KINDS)
    if kind is ConnectionKind.XAI_USAGE:
        return seeded(FIRST, days, models=("grok-4-0709", "grok-code-fast-1"), kinds=tuple(UNIT))
    return seeded(FIRST, days)


@dataclass
class Bills:
    """A workspace and what is read into it."""

    home: Home
    engine: Engine
    clock: FixedClock
    workspace_id: str
    stack: ExitStack

    def serve(self, kind: ConnectionKind, ledger: Ledger | None = None) -> tuple[Fake, str]:
        """Serve a fake and connect it; return it and the connection's id."""
        fake = Fake(ledger or ledger_for(kind))
        url = self.stack.enter_context(served(APPS[kind](fake)))
        return fake, self.connect(kind, base_url=url)

    def connect(self, kind: ConnectionKind, credential: str | None = ADMIN_KEY, **settings: Any) -> str:
        wanted = {"start_day": FIRST, "team": TEAM if kind is ConnectionKind.XAI_USAGE else None, **settings}
        new = NewConnection(kind=kind, name=kind.value, settings=ConnectionSettings(**wanted), credential=credential)
        self.clock.advance(timedelta(microseconds=1))  # they are read in the order they were made
        with transaction(self.engine) as session:
            vault = CredentialVault(self.home)
            return add_connection(session, vault, self.workspace_id, new, actor=OPERATOR, at=self.clock.now())

    def read(self, **wanted: Any) -> Reading:
        """Read the only connection there is."""
        (reading,) = self.read_all(**wanted)
        return reading

    def read_all(self, **wanted: Any) -> list[Reading]:
        return read_bills(self.home, self.engine, self.clock, Wanted(**wanted), reach=NO_WAITING)

    def periods(self, *, superseded: bool = False) -> list[Any]:
        """Return periods by day and revision: those in force, or all."""
        of = bill_periods.c
        query = select(bill_periods).order_by(of.first_day, of.revision)
        if not superseded:
            query = query.where(of.superseded_at_us.is_(None))
        with self.engine.connect() as connection:
            return list(connection.execute(query).all())

    def lines(self) -> list[Any]:
        """Return the lines of the periods in force."""
        joined = bill_lines.join(bill_periods, bill_lines.c.period_id == bill_periods.c.id)
        query = select(bill_lines, bill_periods.c.first_day).select_from(joined)
        with self.engine.connect() as connection:
            return list(connection.execute(query.where(bill_periods.c.superseded_at_us.is_(None))).all())


@pytest.fixture
def bills(home: Home, engine: Engine, clock: FixedClock) -> Iterator[Bills]:
    with transaction(engine) as session:
        workspace = create_workspace(
            session,
            name="Acme",
            owner_email="vk@acme.co",
            plan=Plan.TEAM,
            time_zone="UTC",
            actor=OPERATOR,
            at=clock.now(),
        )
    with ExitStack() as stack:
        yield Bills(home, engine, clock, workspace.id, stack)
