"""A workspace with devices, and a committer over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, insert

from api.ingest.group import GroupCommitter
from api.ingest.prepare import Prepared, Sender, prepare
from daemon.wire.batch import Receipt
from pipelines.lake.clock import FixedClock, to_micros
from pipelines.lake.ledger import metadata
from pipelines.lake.paths import Home
from tests.wire_records import uuid_from


@pytest.fixture
def clock() -> FixedClock:
    """A clock a little after the calls that tests send."""
    return FixedClock(datetime(2026, 11, 22, 12, tzinfo=UTC))


@pytest.fixture
def senders(engine: Engine, clock: FixedClock) -> list[Sender]:
    """Two devices of workspace one, one device of workspace two; all on Solo."""
    made = [Sender(uuid_from("one"), uuid_from("a")), Sender(uuid_from("one"), uuid_from("b"))]
    made.append(Sender(uuid_from("two"), uuid_from("c")))
    now = to_micros(clock.now())
    with engine.begin() as connection:
        for slug in ("one", "two"):
            connection.execute(
                insert(metadata.tables["workspaces"]).values(
                    id=uuid_from(slug), slug=slug, name=slug, plan="solo", time_zone="UTC", created_at_us=now,
                    audit_position=0, audit_head="0" * 64, batch_chain_position=0, batch_chain_head="0" * 64,
                )
            )  # fmt: skip
        for sender in made:
            connection.execute(
                insert(metadata.tables["devices"]).values(
                    id=sender.device_id, workspace_id=sender.workspace_id, hostname="host", platform="Linux",
                    daemon_version="0.6.4", paired_at_us=now,
                )
            )  # fmt: skip
    return made


@dataclass
class Door:
    """Sends bodies through judging and group commit."""

    committer: GroupCommitter
    clock: FixedClock

    def judge(self, sender: Sender, body: bytes) -> Prepared:
        return prepare(body, sender, self.clock.now())

    def send(self, sender: Sender, body: bytes) -> Receipt:
        return self.committer.submit(self.judge(sender, body)).result(timeout=30)


@pytest.fixture
def open_door(home: Home, engine: Engine, clock: FixedClock) -> Iterator[Callable[[], Door]]:
    """Start committers on the same home; each is another server process as far as files are concerned."""
    opened: list[GroupCommitter] = []

    def start() -> Door:
        opened.append(GroupCommitter(home, engine, clock))
        return Door(opened[-1], clock)

    yield start
    for committer in opened:
        committer.close()


@pytest.fixture
def door(open_door: Callable[[], Door]) -> Door:
    return open_door()
