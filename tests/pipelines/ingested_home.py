"""A home as the real server fills it: two workspaces whose laptops send batches through the door.

Belongs here: setting it up and sending. Does not belong here: assertions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from api.api_keys import create_api_key
from api.audit import OPERATOR
from api.db.migrate import upgrade
from api.db.models import Device, Plan
from api.db.session import transaction
from api.ingest.group import GroupCommitter
from api.ingest.prepare import Sender, prepare
from api.workspaces import create_workspace, set_retention
from daemon.wire.batch import Receipt
from pipelines.compaction import CompactionResult, compact
from pipelines.lake.clock import FixedClock, to_micros
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home
from pipelines.refresh import RefreshResult, refresh
from tests.wire_records import batch, instant, record, uuid_from


@dataclass
class IngestedHome:
    """A home, its database, and a door.

    Attributes:
        senders: a laptop by workspace slug.
        keys: an API key by workspace slug.
    """

    home: Home
    clock: FixedClock
    engine: Engine = field(init=False)
    senders: dict[str, Sender] = field(default_factory=dict[str, Sender])
    keys: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        self.engine = open_database(f"sqlite:///{self.home.root / 'app.sqlite'}")
        upgrade(self.engine)
        at = self.clock.now()
        for slug in ("acme", "beta"):
            with transaction(self.engine) as session:
                workspace = create_workspace(
                    session, name=slug, owner_email="o@acme.example", plan=Plan.TEAM, time_zone="UTC", actor=OPERATOR,
                    at=at,
                )  # fmt: skip
                self.keys[slug] = create_api_key(session, workspace.id, name="k", actor=OPERATOR, at=at)
                self.senders[slug] = Sender(workspace.id, uuid_from(f"laptop of {slug}"))
                session.add(
                    Device(
                        id=self.senders[slug].device_id, workspace_id=workspace.id, hostname="h", platform="Linux",
                        daemon_version="0.6.4", paired_at_us=to_micros(at),
                    )
                )  # fmt: skip

    def send(self, *batches: list[dict[str, Any]], workspace: str = "acme") -> list[Receipt]:
        """Send batches one after the other; each lands in a file of its own."""
        committer = GroupCommitter(self.home, self.engine, self.clock)
        try:
            return [
                committer.submit(prepare(batch(rows), self.senders[workspace], self.clock.now())).result(timeout=30)
                for rows in batches
            ]
        finally:
            committer.close()

    def refresh(self, *, full: bool = False) -> RefreshResult:
        return refresh(self.home, self.engine, self.clock, full=full)

    def compact(self) -> CompactionResult:
        return compact(self.home, self.engine, self.clock)

    def keep(self, days: int | None, workspace: str = "acme") -> None:
        """Set the workspace's retention."""
        with transaction(self.engine) as session:
            set_retention(session, self.senders[workspace].workspace_id, days, actor=OPERATOR, at=self.clock.now())


def made_on(day: int, seed: object, **changes: Any) -> dict[str, Any]:
    """Return a record made at nine o'clock of a day of November 2026."""
    at = datetime(2026, 11, day, 9, tzinfo=UTC)
    return record(seed, requested_at=instant(at), recorded_at=instant(at + timedelta(seconds=1)), **changes)
