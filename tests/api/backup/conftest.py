"""An installation in use, whose content reaches nearly every table, and places to restore to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from api.audit import OPERATOR
from api.backup.folder import BackupFolder
from api.budgets.budgets import set_budget
from api.db.session import transaction
from api.projects import archive_project
from pipelines.lake.clock import FixedClock
from pipelines.lake.paths import Home
from tests.api.backup.places import InUse, Place, upload
from tests.api.conftest import Machine, Tenants
from tests.wire_records import record


@pytest.fixture
def clock() -> FixedClock:
    """A clock a little after the calls that tests send."""
    return FixedClock(datetime(2026, 11, 22, 12, tzinfo=UTC))


@pytest.fixture
def in_use(
    home: Home, client: TestClient, engine: Engine, database_url: str, clock: FixedClock, tmp_path: Path
) -> Iterator[InUse]:
    """An installation with rows in nearly every table, blobs and chains included."""
    tenants = Tenants(engine, clock)
    workspace_id = tenants.workspace()
    machine = Machine(client)
    machine.pair(tenants, workspace_id)
    place = Place(home, database_url, clock)
    made = InUse(place, client, machine, workspace_id, BackupFolder(tmp_path / "backups"))
    made.upload(20)
    made.upload(5, project="other", cost_millicents=None)
    upload(client, machine.token, [{"id": 5}, None, "\u20ac", record("negative", input_tokens=-1)])
    Machine(client).start()  # a pairing that waits
    made.api_key = tenants.api_key(workspace_id)
    with transaction(engine) as session:
        set_budget(session, workspace_id, monthly_millicents=123_456_789, actor=OPERATOR, at=clock.now())
        archive_project(session, workspace_id, "other", actor=OPERATOR, at=clock.now())
    yield made
    place.close()


@pytest.fixture
def empty_place(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock) -> Iterator[Callable[[str], Place]]:
    """Makes places with nothing in them, on `sqlite` or `postgres`."""
    made: list[Place] = []
    databases: list[str] = []

    def make(kind: str) -> Place:
        home = Home(tmp_path / f"restored-{len(made)}")
        url = f"sqlite:///{home.root / 'app.sqlite'}"
        if kind == "postgres":
            url = request.getfixturevalue("postgres").new_database(template="template1")
            databases.append(url)
        made.append(Place(home, url, clock))
        return made[-1]

    yield make
    for place in made:
        place.close()
    for url in databases:
        request.getfixturevalue("postgres").drop_database(url)
