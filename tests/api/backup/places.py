"""Installations and places to restore them to, driven through the product's own functions.

Belongs here: what tests of backups do again and again. Does not belong here: assertions on backups.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Engine, select
from starlette.testclient import TestClient

from api.app import create_app
from api.backup.contents import one_instant, record_tables
from api.backup.folder import BackupFolder
from api.backup.restore import Restored, open_backup, restore_backup
from api.backup.take import Taken, take_backup
from pipelines.lake.clock import FixedClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home
from tests.api.conftest import Machine
from tests.wire_records import batch, record

Rows = dict[str, list[dict[str, Any]]]


def quiet(_step: str, _done: int, _total: int) -> None:
    """Progress nobody looks at."""


@dataclass
class Place:
    """A home with its database, as a server or a command has it."""

    home: Home
    url: str
    clock: FixedClock

    @cached_property
    def engine(self) -> Engine:
        return open_database(self.url, pool_size=2)

    def rows(self) -> Rows:
        """Return every row of every table, in a fixed order."""
        with one_instant(self.engine) as connection:
            return {
                table.name: sorted(
                    (dict(row) for row in connection.execute(select(table)).mappings()),
                    key=lambda row: [str(row[column.name]) for column in table.primary_key],
                )
                for table in record_tables()
            }

    def served(self) -> TestClient:
        """Return a client of a server over this place; use it as a context manager."""
        return TestClient(create_app(self.home, engine=self.engine, clock=self.clock))

    def close(self) -> None:
        self.engine.dispose()


@dataclass
class InUse:
    """The installation under test, with one machine of one workspace."""

    place: Place
    client: TestClient
    machine: Machine
    workspace_id: str
    folder: BackupFolder
    sent: int = 0
    api_key: str = ""

    def upload(self, rows: int = 10, **changes: Any) -> set[str]:
        """Upload a batch of new records; return their ids."""
        self.sent += 1
        records = [record((self.sent, index), **changes) for index in range(rows)]
        answer = upload(self.client, self.machine.token, records)
        assert answer["accepted"] == rows
        return {one["id"] for one in records}

    def take(self) -> Taken:
        """Take a backup."""
        return take_backup(self.place.home, self.place.engine, self.folder, self.place.clock, quiet)

    def restore(self, to: Place, name: str | None = None) -> Restored:
        """Restore a backup to another place."""
        found, manifest = open_backup(self.folder, name, None)
        return restore_backup(self.folder, found, manifest, to.home, to.url, quiet)


def upload(client: TestClient, token: str, records: list[Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    answer = client.post("/v1/requests/batch", content=batch(records), headers=headers)
    assert answer.status_code == 200, answer.text
    return json.loads(answer.content)
