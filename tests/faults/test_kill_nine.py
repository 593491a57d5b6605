"""kill -9 of the API at random moments under load: what was acknowledged is there once, what was not comes again."""

from __future__ import annotations

import sys

import pytest
from sqlalchemy import Engine

from pipelines.lake.clock import SystemClock
from pipelines.lake.paths import Home
from pipelines.refresh import refresh
from pipelines.run_history import run_history
from pipelines.verify.run import verify
from tests.conftest import on_sqlite
from tests.faults.kills.campaign import kill_campaign
from tests.faults.kills.record_audit import LOST, TWICE
from tests.pipelines.published import ask

CYCLES = {"sqlite": 120, "postgresql": 80}
LONG_CYCLES = {"sqlite": 600, "postgresql": 400}
MUTANT_CYCLES = 40


def test_acknowledged_rows_survive_every_kill_and_the_record_stays_whole(
    home: Home, engine: Engine, request: pytest.FixtureRequest
):
    cycles = (LONG_CYCLES if request.config.getoption("--long") else CYCLES)[engine.dialect.name]
    campaign = kill_campaign(home, engine, cycles=cycles, seed=int(request.config.getoption("--seed") or 0))
    sys.stdout.write(f"{campaign.describe()}\n")
    assert campaign.findings == [], campaign.describe()
    assert campaign.cycles == cycles
    assert campaign.acknowledged == campaign.sent
    assert campaign.in_flight > cycles * 0.7, campaign.describe()
    refresh(home, engine, SystemClock())
    run_history(home).dispose()
    counts = "select count(*), count(distinct request_id) from fct_requests"
    assert ask(home, counts) == [(len(campaign.sent), len(campaign.sent))]
    assert verify(home, engine).differences == []


@on_sqlite
@pytest.mark.parametrize(("mutant", "kind"), [("claim-first", LOST), ("no-deduplication", TWICE)])
def test_the_campaign_catches_a_broken_ingest(
    home: Home, engine: Engine, mutant: str, kind: str, request: pytest.FixtureRequest
):
    campaign = kill_campaign(
        home, engine, cycles=MUTANT_CYCLES, seed=int(request.config.getoption("--seed") or 0), mutant=mutant
    )
    sys.stdout.write(f"{campaign.describe()}\n")
    assert kind in {finding.kind for finding in campaign.findings}, campaign.describe()
