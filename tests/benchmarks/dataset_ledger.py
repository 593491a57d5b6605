"""The people of the benchmarks' data, and its ledger.

Belongs here: workspaces with devices and projects, writing a landing file, recording files and batches in one
transaction. Does not belong here: rows and how they are cut into files (`dataset`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

import pyarrow as pa
from sqlalchemy import Engine, func, insert, select, update
from sqlalchemy.orm import Session

from api.api_keys import create_api_key
from api.audit import OPERATOR
from api.budgets.budgets import set_budget
from api.db import models
from api.workspaces import create_workspace
from pipelines.lake.arrow import compute
from pipelines.lake.clock import to_micros
from pipelines.lake.landing import LandedFile, LandingWriter
from pipelines.lake.ledger import chain_hash, landed_batches, landed_files, landing_sequence
from pipelines.lake.schema import LANDING_SCHEMA_VERSION

DEVICES: Final = 60
PROJECTS: Final = 40
_SLUGS: Final = ("acme", "beta", "gamma", "delta", "epsilon")
_ZONES: Final = ("America/New_York", "UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Sydney")
_NAMES: Final = UUID("5b1f0c52-0000-4000-8000-000000000000")
_SUMMED: Final = ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens")


@dataclass(frozen=True)
class Workspace:
    """A workspace of the data set, with a key that reads it."""

    workspace_id: str
    slug: str
    device_ids: tuple[str, ...]
    api_key: str


@dataclass(frozen=True)
class Landed:
    """A file on disk, and all the ledger is to say of it."""

    workspace_id: str
    file_seq: int
    file: LandedFile
    sums: dict[str, Any]
    batches: list[tuple[Any, ...]]


def add_people(engine: Engine, begin: datetime) -> tuple[Workspace, ...]:
    """Add workspaces with devices, projects, a budget and a key; the big one first."""
    found: list[Workspace] = []
    began_us = to_micros(begin)
    with Session(engine) as session, session.begin():
        if session.execute(select(landing_sequence.c.value)).first() is None:
            session.execute(insert(landing_sequence).values(id=1, value=0))
        for slug, zone in zip(_SLUGS, _ZONES, strict=True):
            made = create_workspace(
                session, name=slug, owner_email=f"owner@{slug}.example", plan=models.Plan.ENTERPRISE, time_zone=zone,
                actor=OPERATOR, at=begin,
            )  # fmt: skip
            set_budget(session, made.id, 500_000_000, actor=OPERATOR, at=begin)
            key = create_api_key(session, made.id, name="benchmark", actor=OPERATOR, at=begin)
            devices = tuple(str(uuid5(_NAMES, f"{slug} device {number}")) for number in range(DEVICES))
            session.execute(insert(models.Device), [
                {"id": one, "workspace_id": made.id, "hostname": f"laptop-{number}", "platform": "linux",
                 "daemon_version": "0.6.4", "paired_at_us": began_us}
                for number, one in enumerate(devices)
            ])  # fmt: skip
            session.execute(insert(models.Project), [
                {"id": str(uuid5(_NAMES, f"{slug} project {number}")), "workspace_id": made.id,
                 "slug": f"project-{number:02d}", "first_seen_at_us": began_us}
                for number in range(PROJECTS)
            ])  # fmt: skip
            found.append(Workspace(made.id, slug, devices, key))
    return tuple(found)


def land(writer: LandingWriter, workspace_id: str, file_seq: int, table: pa.Table) -> Landed:
    """Write a file of one workspace and add up what the ledger says of it."""
    newest = table["received_at"][-1].as_py()
    file = writer.write(workspace_id, newest.date().isoformat(), table)
    instants = compute.min_max(table["requested_at"].cast(pa.int64())).as_py()
    sums = {name: compute.sum(table[name]).as_py() for name in _SUMMED}
    sums |= {
        "cost_logged_millicents": compute.sum(table["cost_logged_millicents"]).as_py() or 0,
        "unpriced_rows": table["cost_logged_millicents"].null_count,
        "first_requested_at_us": instants["min"],
        "last_requested_at_us": instants["max"],
        "committed_at_us": to_micros(newest),
        "received_day": newest.date().isoformat(),
    }
    heads = table.filter(compute.equal(table["row_index"], 0))
    counts = Counter(table["source_machine"].to_pylist())
    batches = [
        (key, device, newest, counts[machine])
        for key, device, machine in zip(
            *(heads[name].to_pylist() for name in ("batch_key", "device_id", "source_machine")), strict=True
        )
    ]
    return Landed(workspace_id, file_seq, file, sums, batches)


def commit(engine: Engine, landed: list[Landed]) -> None:
    """Write the ledger, its chains of batches included, in one transaction."""
    with engine.begin() as connection:
        chains = {
            one.id: (one.batch_chain_position, one.batch_chain_head)
            for one in connection.execute(
                select(
                    models.Workspace.id, models.Workspace.batch_chain_position, models.Workspace.batch_chain_head
                )
            )
        }  # fmt: skip
        files: list[dict[str, Any]] = []
        batches: list[dict[str, Any]] = []
        for one in landed:
            files.append({
                "file_seq": one.file_seq, "file_id": one.file.file_id, "workspace_id": one.workspace_id,
                "relative_path": one.file.relative_path, "row_count": one.file.row_count,
                "byte_count": one.file.byte_count, "sha256": one.file.sha256,
                "schema_version": LANDING_SCHEMA_VERSION, **one.sums,
            })  # fmt: skip
            for key, device, received, count in one.batches:
                position, head = chains[one.workspace_id]
                batch: dict[str, Any] = {
                    "batch_key": str(key), "batch_id": str(key), "workspace_id": one.workspace_id,
                    "device_id": str(device), "file_seq": one.file_seq, "received_at_us": to_micros(received),
                    "received_count": count, "landed_count": count, "duplicate_count": 0, "quarantined_count": 0,
                    "withheld_count": 0, "records_sha256": one.file.sha256, "chain_position": position + 1,
                    "previous_chain_hash": head,
                }  # fmt: skip
                batch["chain_hash"] = chain_hash(batch, one.file.sha256)
                chains[one.workspace_id] = position + 1, batch["chain_hash"]
                batches.append(batch)
        connection.execute(insert(landed_files), files)
        connection.execute(insert(landed_batches), batches)
        newest = select(func.max(landed_files.c.file_seq)).scalar_subquery()
        connection.execute(update(landing_sequence).values(value=newest))
        for workspace_id, (position, head) in chains.items():
            connection.execute(
                update(models.Workspace)
                .where(models.Workspace.id == workspace_id)
                .values(batch_chain_position=position, batch_chain_head=head)
            )
