"""An app database, a landed lake and a published snapshot of generated requests, and calls on them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
from fastapi.testclient import TestClient
from sqlalchemy import Engine, insert

from api.app import create_app
from api.db.models import ApiKey, Base, Budget, Device, Project, Workspace
from api.db.session import transaction
from api.tokens import SecretKind, new_secret, secret_digest
from pipelines.lake.clock import FixedClock, to_micros
from pipelines.lake.database import open_database
from pipelines.lake.ledger import landed_files, metadata
from pipelines.lake.paths import Home
from tests.api.dashboards.facts import (
    ARCHIVED_AT,
    NOW,
    PROJECTS,
    RATE_ID,
    RATES,
    TOKENS,
    ZONES,
    RequestFact,
    device_id,
    generate,
    identifier,
    workspace_id,
)
from tests.api.dashboards.snapshot import publish


@dataclass
class World:
    """One installation with its snapshot, and everything that is in it as Python values."""

    home: Home
    engine: Engine
    clock: FixedClock
    keys: dict[str, str]
    rows: list[RequestFact] = field(default_factory=list[RequestFact])
    zones: dict[str, str] = field(default_factory=lambda: dict(ZONES))

    def __post_init__(self) -> None:
        self.app = create_app(self.home, engine=self.engine, clock=self.clock)
        self.client = TestClient(self.app, raise_server_exceptions=True)

    def get(self, path: str, *, key: Any = None, headers: Any = None, **query: Any) -> Any:
        """Call `/v1/{path}` with the key of the workspace the path begins with, or of `key`."""
        owner = key or path.split("/", maxsplit=1)[0].split("?", maxsplit=1)[0]
        sent = {"Authorization": f"Bearer {self.keys.get(owner, owner)}", **(headers or {})}
        named = {name.removesuffix("_"): value for name, value in query.items()}
        return self.client.get(f"/v1/{path}", params=named or None, headers=sent)

    def json(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def visible(self, workspace: str, keep: Callable[[RequestFact], bool] = lambda row: True) -> list[RequestFact]:
        mine = workspace_id(workspace)
        return [
            row for row in self.rows if row["workspace_id"] == mine and row["withheld_reason"] is None and keep(row)
        ]

    def local_day(self, workspace: str, row: RequestFact) -> date:
        return row["requested_at"].astimezone(ZoneInfo(self.zones[workspace])).date()

    def within(self, workspace: str, first: date, last: date) -> Callable[[RequestFact], bool]:
        return lambda row: first <= self.local_day(workspace, row) <= last

    def today(self, workspace: str) -> date:
        return self.clock.now().astimezone(ZoneInfo(self.zones[workspace])).date()

    def last_days(self, workspace: str, days: int) -> Callable[[RequestFact], bool]:
        today = self.today(workspace)
        return self.within(workspace, today - timedelta(days=days - 1), today)

    def publish(self, build_id: str) -> None:
        publish(self.home, self.rows, self.zones, build_id)

    def close(self) -> None:
        self.client.close()
        self.app.state.chart_worker.close()
        self.app.state.snapshots.close()
        self.app.state.recent_answers.close()
        self.engine.dispose()


def build_world(root: Path, *, rows_each: int = 700, published: bool = True) -> World:
    home = Home(root)
    engine = open_database(f"sqlite:///{root / 'app.sqlite'}")
    metadata.create_all(engine)
    assert Base.metadata is metadata
    slugs = [*ZONES, "empty"]
    keys = {slug: new_secret(SecretKind.API) for slug in slugs}
    for slug in slugs:
        add_workspace(engine, slug, keys[slug])
    rows = [row for slug in ZONES for row in generate(slug, rows_each)]
    write_landing(home, engine, rows)
    write_rate_book(home)
    world = World(home, engine, FixedClock(NOW), keys, rows, {**ZONES, "empty": "UTC"})
    if published:
        world.publish("b20260407T030900-00000001")
    return world


def add_workspace(engine: Engine, slug: str, key: str) -> None:
    owner = workspace_id(slug)
    at = to_micros(NOW - timedelta(days=200))
    with transaction(engine) as session:
        session.add(
            Workspace(id=owner, slug=slug, name=slug, plan="team", time_zone=ZONES.get(slug, "UTC"), created_at_us=at)
        )
        session.flush()
        session.add(
            ApiKey(
                id=identifier("key", slug),
                workspace_id=owner,
                name="t",
                key_sha256=secret_digest(key),
                scope="read",
                created_at_us=at,
            )
        )
        if slug == "empty":
            return
        session.add(
            Budget(id=identifier("budget", slug), workspace_id=owner, scope="workspace", monthly_millicents=3_000_000)
        )
        for number in range(3):
            seen = to_micros(NOW - timedelta(minutes=10))
            session.add(
                Device(
                    id=device_id(slug, number),
                    workspace_id=owner,
                    hostname=f"host-{number}",
                    display_name="=Ada's laptop" if number == 0 else None,
                    platform="Linux",
                    daemon_version="0.6.4",
                    paired_at_us=at + number,
                    last_seen_at_us=seen,
                    last_batch_at_us=seen,
                )
            )
        for name in PROJECTS:
            if name is not None:
                session.add(
                    Project(
                        id=identifier("project", slug, name),
                        workspace_id=owner,
                        slug=name,
                        display_name="The web" if name == "web" else None,
                        client_name="Globex" if name == "web" else None,
                        first_seen_at_us=at,
                        archived_at_us=to_micros(ARCHIVED_AT) if name == "archived" else None,
                        over_ceiling=name == "ceiling",
                    )
                )


def landing_path(slug: str) -> str:
    return f"{workspace_id(slug)}/2026-04-06/{identifier('file', slug)}.parquet"


def write_landing(home: Home, engine: Engine, rows: Sequence[RequestFact]) -> None:
    """Write the ledger, and landing files that hold no more than a trace reads back."""
    committed = to_micros(NOW - timedelta(minutes=1))
    for slug in ZONES:
        mine = [row for row in rows if row["workspace_id"] == workspace_id(slug)]
        path = home.landing / landing_path(slug)
        path.parent.mkdir(parents=True, exist_ok=True)
        ids = {
            name: pa.array([uuid.UUID(row[name]).bytes for row in mine], pa.uuid())
            for name in ("request_id", "workspace_id")
        }
        pq.write_table(pa.table(ids), path)
        sums = dict.fromkeys([*TOKENS, "cost_logged_millicents", "unpriced_rows"], 0)
        with engine.begin() as connection:
            connection.execute(
                insert(landed_files).values(
                    file_seq=list(ZONES).index(slug) + 1,
                    file_id=identifier("file", slug),
                    workspace_id=workspace_id(slug),
                    relative_path=landing_path(slug),
                    received_day="2026-04-06",
                    row_count=len(mine),
                    byte_count=1,
                    sha256="ab" * 32,
                    first_requested_at_us=0,
                    last_requested_at_us=0,
                    committed_at_us=committed,
                    schema_version=1,
                    **sums,
                )
            )


def write_rate_book(home: Home) -> None:
    home.exports.mkdir(parents=True, exist_ok=True)
    prices = {f"{kind}_picousd_per_token": pa.array([rate], pa.int64()) for kind, rate in RATES.items()}
    instants = {name: pa.array([NOW], pa.timestamp("us")) for name in ("valid_from", "valid_to", "known_from")}
    table = pa.table(
        {
            "rate_id": [RATE_ID],
            "workspace_id": pa.array([None], pa.string()),
            "provider": ["anthropic"],
            "model_ref": ["claude-sonnet-4-5"],
            "service_tier": ["standard"],
            "context_over_tokens": pa.array([0], pa.int64()),
            **instants,
            "source": ["genai-prices"],
            "currency": ["USD"],
            **prices,
        }
    )
    pq.write_table(table, home.exports / "rate_book.parquet")
