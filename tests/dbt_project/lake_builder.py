"""A small lake made by hand: landing files, ledger and control-plane exports, as a build finds them.

Belongs here: writing inputs of a build into a temporary home. Does not belong here: running builds (`warehouse`).
"""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.calendar import write_local_days
from pipelines.lake.rate_book import Rate
from pipelines.lake.schema import INSTANT, LANDING_SCHEMA, UUID
from pipelines.rates.export import write_model_aliases, write_rate_book
from pipelines.verify.attribution import Reattribution

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
RECEIVED = datetime(2026, 11, 20, tzinfo=UTC)

DEFAULT_ROW: dict[str, Any] = {
    "row_index": 0,
    "received_at": RECEIVED,
    "project": "api",
    "provider": "anthropic",
    "model": "claude-sonnet-4-5-20250929",
    "input_tokens": 100,
    "output_tokens": 50,
    "thinking_tokens": 0,
    "cached_tokens": 0,
    "cache_write_tokens": 0,
    "cost_logged_millicents": 10,
    "fx_rate": None,
    "tokens_complete": True,
    "latency_ms": 250.5,
    "requested_at": datetime(2026, 11, 19, 10, tzinfo=UTC),
    "recorded_at": datetime(2026, 11, 19, 10, 0, 1, tzinfo=UTC),
    "status": "success",
    "request_kind": "chat",
    "http_status": 200,
}


def named_uuid(name: str) -> str:
    """Return the same uuid for the same name."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def _storable(value: Any, kind: pa.DataType) -> Any:
    return uuid.UUID(value).bytes if kind == UUID and value is not None else value


def arrow_table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    """Make a table of `schema` from rows whose uuids are text; absent keys are null."""
    columns = [pa.array([_storable(row.get(f.name), f.type) for row in rows], f.type) for f in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _schema(**kinds: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in kinds.items()])


TEXT, COUNT, DAY = pa.string(), pa.int64(), pa.date32()
EXPORTS = {
    "workspaces": _schema(workspace_id=UUID, slug=TEXT, name=TEXT, plan=TEXT, time_zone=TEXT, retained_from=DAY),
    "projects": _schema(
        workspace_id=UUID, project=TEXT, display_name=TEXT, client_name=TEXT, cost_centre=TEXT, cost_centre_name=TEXT,
        first_seen_at=INSTANT, withheld_since=INSTANT, withheld_reason=TEXT, visibility_version=COUNT,
    ),
    "reattributions": _schema(
        workspace_id=UUID, decision_number=COUNT, reattribution_id=UUID, from_project=TEXT, to_project=TEXT,
        device_id=UUID, starts_at=INSTANT, ends_at=INSTANT,
    ),
    "devices": _schema(
        workspace_id=UUID, device_id=UUID, hostname=TEXT, display_name=TEXT, platform=TEXT, daemon_version=TEXT,
        paired_at=INSTANT, revoked_at=INSTANT,
    ),
    "landed_files": _schema(
        file_seq=COUNT, workspace_id=UUID, path=TEXT, origin_file_seq=COUNT, retained_from=DAY, row_count=COUNT,
        sha256=TEXT,
    ),
    "landed_batches": _schema(
        batch_key=UUID, batch_id=TEXT, workspace_id=UUID, device_id=UUID, file_seq=COUNT, received_at=INSTANT,
        received_count=COUNT, landed_count=COUNT, duplicate_count=COUNT, quarantined_count=COUNT,
    ),
}  # fmt: skip


@dataclass
class Lake:
    """Inputs of builds under one home, growing as a test lands files.

    Attributes:
        workspaces: reporting zone by workspace id.
        projects: exported rows by (workspace id, slug); those seen in rows appear by themselves.
        negotiated: rates of workspaces.
        moves: standing re-attributions; ids are UUID text here.
    """

    root: Path
    workspaces: dict[str, str] = field(default_factory=dict)
    projects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    negotiated: list[Rate] = field(default_factory=list)
    moves: list[Reattribution] = field(default_factory=list)
    devices: set[tuple[str, str]] = field(default_factory=set)
    files: list[dict[str, Any]] = field(default_factory=list)
    batches: list[dict[str, Any]] = field(default_factory=list)
    models: set[tuple[str, str]] = field(default_factory=set)
    _ids: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        (self.root / "landing").mkdir(parents=True, exist_ok=True)
        pq.write_table(LANDING_SCHEMA.empty_table(), self.root / "landing" / "empty.parquet")

    def row(self, workspace: str = "acme", device: str = "laptop", **values: Any) -> dict[str, Any]:
        """Make a landed row; `request` names its id, all else defaults to a plain call."""
        name = values.pop("request", None) or f"request {next(self._ids)}"
        workspace_id = named_uuid(workspace)
        self.workspaces.setdefault(workspace_id, "UTC")
        ids = {
            "request_id": named_uuid(name),
            "workspace_id": workspace_id,
            "device_id": named_uuid(f"{workspace}/{device}"),
        }
        return DEFAULT_ROW | ids | values

    def land(self, *rows: dict[str, Any], quarantined: int = 0) -> int:
        """Land rows as one file, one batch per device in it.

        Args:
            quarantined: rows the door set aside, counted in the last batch.

        Returns:
            The file's file_seq.
        """
        file_seq = len(self.files) + 1
        path = self.root / "landing" / f"{file_seq:06d}.parquet"
        owners = list(dict.fromkeys((row["workspace_id"], row["device_id"]) for row in rows))
        keys = {owner: str(uuid.uuid5(uuid.NAMESPACE_URL, f"{file_seq}/{owner}")) for owner in owners}
        landed = [row | {"batch_key": keys[row["workspace_id"], row["device_id"]]} for row in rows]
        pq.write_table(arrow_table(landed, LANDING_SCHEMA), path, compression="zstd")
        self.files.append({
            "file_seq": file_seq, "workspace_id": owners[0][0], "path": str(path), "row_count": len(rows), "sha256": "",
        })  # fmt: skip
        for number, owner in enumerate(owners, start=1):
            own = [row for row in rows if (row["workspace_id"], row["device_id"]) == owner]
            aside = quarantined if number == len(owners) else 0
            self.batches.append({
                "batch_key": keys[owner], "batch_id": f"attempt {file_seq}.{number}", "workspace_id": owner[0],
                "device_id": owner[1], "file_seq": file_seq, "received_at": own[0]["received_at"],
                "received_count": len(own) + aside, "landed_count": len(own), "duplicate_count": 0,
                "quarantined_count": aside,
            })  # fmt: skip
        self._notice(rows)
        return file_seq

    def _notice(self, rows: tuple[dict[str, Any], ...]) -> None:
        for row in rows:
            self.devices.add((row["workspace_id"], row["device_id"]))
            self.models.add((row["provider"], row["model"]))
            if row["project"] is not None:
                self.projects.setdefault((row["workspace_id"], row["project"]), {"visibility_version": 0})

    def withhold(self, workspace: str, project: str, since: datetime | None, reason: str | None) -> None:
        """Withhold a project's rows received from `since` on; None shows them all again."""
        state = self.projects[named_uuid(workspace), project]
        state |= {
            "withheld_since": since,
            "withheld_reason": reason,
            "visibility_version": state["visibility_version"] + 1,
        }

    def write_exports(self, now: datetime = NOW) -> None:
        """Write everything the control plane hands to a build."""
        rows: dict[str, list[dict[str, Any]]] = {
            "workspaces": [
                {"workspace_id": w, "slug": w[:8], "name": w[:8], "plan": "business", "time_zone": zone}
                for w, zone in self.workspaces.items()
            ],
            "projects": [
                {"workspace_id": w, "project": p, "first_seen_at": RECEIVED} | state
                for (w, p), state in self.projects.items()
            ],
            "reattributions": [
                vars(one) | {"reattribution_id": named_uuid(f"move {one.workspace_id} {one.decision_number}")}
                for one in self.moves
            ],
            "devices": [
                {"workspace_id": w, "device_id": d, "hostname": "host", "paired_at": RECEIVED}
                for w, d in sorted(self.devices)
            ],
            "landed_files": self.files,
            "landed_batches": self.batches,
        }
        exports = self.root / "exports"
        exports.mkdir(exist_ok=True)
        for name, schema in EXPORTS.items():
            pq.write_table(arrow_table(rows[name], schema), exports / f"{name}.parquet")
        write_rate_book(exports / "rate_book.parquet", now=now - timedelta(days=1), negotiated=self.negotiated)
        write_model_aliases(exports / "model_aliases.parquet", self.models)
        write_local_days(exports / "local_days.parquet", self.workspaces.values(), now=now)
