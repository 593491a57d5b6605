"""Builds small homes: workspaces, devices, projects, landed files and their ledger rows, without HTTP.

Belongs here: writing what `api` would have written. Does not belong here: assertions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pyarrow as pa
from sqlalchemy import Engine, insert, select, text, update

from api.db import models
from pipelines.lake.clock import FixedClock, to_micros
from pipelines.lake.landing import LandingWriter
from pipelines.lake.ledger import landed_batches, landed_files, landing_sequence
from pipelines.lake.paths import Home
from pipelines.lake.schema import LANDING_SCHEMA, LANDING_SCHEMA_VERSION

NAMESPACE = UUID("6d0c3f1e-0000-4000-8000-000000000000")
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SUMMED = ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens")


def named_id(name: str) -> str:
    """Return a stable id for a name."""
    return str(uuid5(NAMESPACE, name))


def call(name: str, **changes: Any) -> dict[str, Any]:
    """Return one landed row (without the server's columns) of a call named `name`."""
    row: dict[str, Any] = {
        "request_id": named_id(f"request {name}"),
        "project": "atlas",
        "provider": "anthropic",
        "model": "claude-sonnet-4-5",
        "input_tokens": 1000,
        "output_tokens": 200,
        "thinking_tokens": 0,
        "cached_tokens": 300,
        "cache_write_tokens": 0,
        "cost_logged_millicents": 609,
        "tokens_complete": True,
        "latency_ms": 812.5,
        "requested_at": NOON - timedelta(hours=1),
        "recorded_at": NOON - timedelta(hours=1) + timedelta(seconds=1),
        "status": "success",
    }
    return row | changes


def calls(count_of: int, prefix: str, **changes: Any) -> list[dict[str, Any]]:
    """Return calls spread over the days before noon, a few projects and models."""
    projects = ("atlas", "borealis", None)
    priced = (("anthropic", "claude-sonnet-4-5"), ("openai", "gpt-4.1-mini"), ("mystery", "m-1"))
    return [
        call(
            f"{prefix}{index}",
            project=projects[index % 3],
            provider=priced[index % len(priced)][0],
            model=priced[index % len(priced)][1],
            input_tokens=1000 + index,
            cost_logged_millicents=None if index % 7 == 0 else 100 + index,
            requested_at=NOON - timedelta(minutes=37 * index),
            **changes,
        )
        for index in range(count_of)
    ]


@dataclass
class Lake:
    """A home under construction."""

    home: Home
    engine: Engine
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOON))

    @classmethod
    def at(cls, home: Home, engine: Engine) -> Lake:
        """Use an upgraded, empty app database."""
        with engine.begin() as connection:
            if connection.execute(select(landing_sequence.c.value)).first() is None:
                connection.execute(insert(landing_sequence).values(id=1, value=0))
        return cls(home, engine)

    @property
    def acme(self) -> str:
        """Id of the workspace `acme`."""
        return named_id("workspace acme")

    @property
    def laptop(self) -> str:
        """Id of acme's first device."""
        return named_id(f"device {self.acme} laptop")

    def people(self) -> None:
        """Add the workspaces acme and beta, a device and two projects each."""
        for name, zone in (("acme", "America/New_York"), ("beta", "UTC")):
            workspace = self.workspace(name, zone)
            self.device(workspace, "laptop")
            self.project(workspace, "atlas")
            self.project(workspace, "borealis")

    def workspace(self, name: str, time_zone: str = "UTC") -> str:
        workspace_id = named_id(f"workspace {name}")
        self._add(
            models.Workspace, id=workspace_id, slug=name, name=name.title(), plan="team", time_zone=time_zone,
            created_at_us=0, audit_position=0, audit_head=models.GENESIS_HASH, batch_chain_position=0,
            batch_chain_head=models.GENESIS_HASH,
        )  # fmt: skip
        return workspace_id

    def device(self, workspace_id: str, name: str) -> str:
        device_id = named_id(f"device {workspace_id} {name}")
        self._add(
            models.Device, id=device_id, workspace_id=workspace_id, hostname=f"{name}.local", platform="linux",
            daemon_version="0.6.4", paired_at_us=0,
        )  # fmt: skip
        return device_id

    def project(self, workspace_id: str, slug: str, **changes: Any) -> None:
        """Add a project, or change one; a change raises its visibility version and is audited."""
        one = named_id(f"project {workspace_id} {slug}")
        with self.engine.begin() as connection:
            version = models.Project.visibility_version + 1
            changed = connection.execute(
                update(models.Project).where(models.Project.id == one).values(visibility_version=version, **changes)
            )
            if changed.rowcount == 0:
                values = {"id": one, "workspace_id": workspace_id, "slug": slug, "first_seen_at_us": 0}
                defaults = {"over_ceiling": False, "visibility_version": 1}
                connection.execute(insert(models.Project).values(values | defaults | changes))
            connection.execute(text("update workspaces set audit_position = audit_position + 1"))

    def rename_device(self, device_id: str, display_name: str) -> None:
        with self.engine.begin() as connection:
            named = update(models.Device).where(models.Device.id == device_id).values(display_name=display_name)
            connection.execute(named)
            connection.execute(text("update workspaces set audit_position = audit_position + 1"))

    def land(
        self, workspace_id: str, device_id: str, rows: Sequence[dict[str, Any]], received_at: datetime | None = None
    ) -> int:
        """Land one batch as one file, as the API does.

        Returns:
            Its `file_seq`.
        """
        received = received_at or self.clock.now()
        number = self._position() + 1
        batch_key = named_id(f"batch {number}")
        table = landing_table(workspace_id, device_id, batch_key, rows, received)
        writer = LandingWriter(self.home)
        landed = writer.write(workspace_id, received.date().isoformat(), table)
        writer.close()
        with self.engine.begin() as connection:
            connection.execute(update(landing_sequence).values(value=landing_sequence.c.value + 1))
            file_seq = int(connection.execute(select(landing_sequence.c.value)).scalar_one())
            instants = [to_micros(row["requested_at"]) for row in rows]
            costs = [row["cost_logged_millicents"] for row in rows]
            connection.execute(
                insert(landed_files).values(
                    file_seq=file_seq, file_id=landed.file_id, workspace_id=workspace_id,
                    relative_path=landed.relative_path, received_day=received.date().isoformat(),
                    row_count=landed.row_count, byte_count=landed.byte_count, sha256=landed.sha256,
                    cost_logged_millicents=sum(one or 0 for one in costs), unpriced_rows=costs.count(None),
                    first_requested_at_us=min(instants), last_requested_at_us=max(instants),
                    committed_at_us=to_micros(received), schema_version=LANDING_SCHEMA_VERSION,
                    **{name: sum(row[name] for row in rows) for name in SUMMED},
                )
            )  # fmt: skip
            connection.execute(
                insert(landed_batches).values(
                    batch_key=batch_key, batch_id=f"client-{number}", workspace_id=workspace_id, device_id=device_id,
                    file_seq=file_seq, received_at_us=to_micros(received), received_count=len(rows),
                    landed_count=len(rows), duplicate_count=0, quarantined_count=0, withheld_count=0,
                    records_sha256="0" * 64, chain_position=number, previous_chain_hash="0" * 64, chain_hash="0" * 64,
                )
            )  # fmt: skip
            connection.execute(text("update workspaces set batch_chain_position = batch_chain_position + 1"))
        return file_seq

    def landed_path(self, file_seq: int) -> str:
        """Return the relative path of a landed file."""
        with self.engine.connect() as connection:
            query = select(landed_files.c.relative_path).where(landed_files.c.file_seq == file_seq)
            return str(connection.execute(query).scalar_one())

    def _position(self) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(select(landing_sequence.c.value)).scalar_one())

    def _add(self, model: type[models.Base], **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(insert(model).values(**values))


def landing_table(
    workspace_id: str, device_id: str, batch_key: str, rows: Iterable[dict[str, Any]], received_at: datetime
) -> pa.Table:
    """Return rows in the landing schema."""
    server = {"workspace_id": workspace_id, "device_id": device_id, "batch_key": batch_key, "received_at": received_at}
    full = [row | server | {"row_index": index} for index, row in enumerate(rows)]
    columns = []
    for one in LANDING_SCHEMA:
        values = [row.get(one.name) for row in full]
        if one.type == pa.uuid():
            storage = pa.array([UUID(str(value)).bytes for value in values], pa.binary(16))
            columns.append(pa.ExtensionArray.from_storage(pa.uuid(), storage))
        else:
            columns.append(pa.array(values, type=one.type))
    return pa.Table.from_arrays(columns, schema=LANDING_SCHEMA)
