"""kill -9 of the daemon's sender and of the server at random moments: each call arrives, and arrives once."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.credentials import MeterHome
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from pipelines.refresh import refresh
from pipelines.run_history import run_history
from tests.daemon.faults.campaign import LOST, TWICE, Campaign, KillableCloud, kill_campaign
from tests.daemon.faults.senders import whole_daemon, worker_alone
from tests.faults.kills.campaign import forking_server
from tests.pipelines.published import ask

WORKER_CYCLES, LONG_WORKER_CYCLES = 40, 600
DAEMON_CYCLES, LONG_DAEMON_CYCLES = 4, 200
MUTANT_CYCLES = 15


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, upgraded_sqlite: Path) -> Iterator[KillableCloud]:
    home = Home(tmp_path_factory.mktemp("cloud"))
    shutil.copy(upgraded_sqlite, home.root / "app.sqlite")
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        engine = open_database(home.database_url)
        with forking_server(home, None) as server:
            yield KillableCloud(home, engine, server)
        engine.dispose()


@pytest.fixture
def meter(tmp_path: Path) -> MeterHome:
    return MeterHome(tmp_path / "meter")


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.config.getoption("--seed"))


def test_every_call_arrives_once_however_often_sender_and_server_are_killed(
    cloud: KillableCloud, meter: MeterHome, chance: random.Random, request: pytest.FixtureRequest
) -> None:
    whole = request.config.getoption("--long")
    cycles = LONG_WORKER_CYCLES if whole else WORKER_CYCLES
    with worker_alone(meter, chance) as sender:
        campaign = kill_campaign(cloud, meter, sender, cycles=cycles, chance=chance)
    sys.stdout.write(f"{campaign.describe()}\n")
    assert campaign.findings == {}, campaign.describe()
    assert campaign.interrupted > cycles / 2, campaign.describe()
    if whole:
        hold_to_the_facts(cloud, campaign)


def test_every_call_arrives_once_however_often_the_whole_daemon_is_killed(
    cloud: KillableCloud, meter: MeterHome, chance: random.Random, request: pytest.FixtureRequest
) -> None:
    cycles = LONG_DAEMON_CYCLES if request.config.getoption("--long") else DAEMON_CYCLES
    with whole_daemon(meter) as sender:
        campaign = kill_campaign(cloud, meter, sender, cycles=cycles, chance=chance)
    sys.stdout.write(f"{campaign.describe()}\n")
    assert campaign.findings == {}, campaign.describe()
    assert campaign.rows > 0
    if request.config.getoption("--long"):
        hold_to_the_facts(cloud, campaign)


@pytest.mark.parametrize(
    ("mutant", "kind"),
    [("mark-before-sending", LOST), ("forget-open-batches", TWICE), ("send-before-writing-down", TWICE)],
)
def test_the_campaign_catches_a_broken_sender(
    cloud: KillableCloud, meter: MeterHome, chance: random.Random, mutant: str, kind: str
) -> None:
    with worker_alone(meter, chance, mutant) as sender:
        campaign = kill_campaign(cloud, meter, sender, cycles=MUTANT_CYCLES, chance=chance)
    sys.stdout.write(f"{campaign.describe()}\n")
    assert kind in campaign.findings, campaign.describe()


def hold_to_the_facts(cloud: KillableCloud, campaign: Campaign) -> None:
    """Refresh, and find each call once among the facts."""
    refresh(cloud.home, cloud.engine, SystemClock())
    run_history(cloud.home).dispose()
    counts = "select count(*), count(distinct request_id) from fct_requests where workspace_id = ?"
    assert ask(cloud.home, counts, campaign.workspace_id) == [(campaign.rows, campaign.rows)]
