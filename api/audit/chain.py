"""The chain of a workspace's audit events: writing its links and verifying them.

Belongs here: appending events inside the caller's transaction, and recomputing a chain. Does not belong here: deciding
whether something may be done, the grammar (`events`), signing a chain's head (`digests`).

Each event's hash covers its fields, its position and the hash before it; the workspace row holds the chain's length
and head. An edit, a reorder, an insertion or a cut (the newest events included) therefore shows in `verify_chain`.
Whoever can rewrite the whole database can also recompute the chain: what shows that is a digest saved elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection, RowMapping, Table, insert, select, update
from sqlalchemy.orm import Session

from api.audit.events import Actor, AuditEvent, Detail, Happening, Resource
from api.db.models import GENESIS_HASH, AuditRecord, Workspace
from pipelines.lake.clock import to_micros

_workspaces: Table = Workspace.metadata.tables["workspaces"]
_events: Table = AuditRecord.metadata.tables["audit_events"]

Executor = Session | Connection
"""What events are written through: an ORM session, or the Core connection of the ledger's transaction."""


def record_event(
    executor: Executor,
    workspace_id: str,
    *,
    actor: Actor,
    event: AuditEvent,
    resource: Resource,
    at: datetime,
    details: Mapping[str, Detail] | None = None,
) -> None:
    """Append one event to the workspace's chain, in the caller's transaction."""
    record_events(executor, workspace_id, actor=actor, happenings=[Happening(event, resource, details or {})], at=at)


def record_events(
    executor: Executor, workspace_id: str, *, actor: Actor, happenings: Sequence[Happening], at: datetime
) -> None:
    """Append events in order; the workspace row stays locked until the caller's transaction ends.

    Raises:
        LookupError: there is no such workspace.
        ValueError: a captured request is shown from the marts and never recorded.
    """
    if not happenings:
        return
    if any(happening.event is AuditEvent.REQUEST_CAPTURED for happening in happenings):
        raise ValueError("captured requests are not recorded: the log shows those of the marts")
    chain = executor.execute(
        select(_workspaces.c.audit_position, _workspaces.c.audit_head)
        .where(_workspaces.c.id == workspace_id)
        .with_for_update(key_share=True)
    ).one_or_none()
    if chain is None:
        raise LookupError("no such workspace")
    position, head = int(chain[0]), str(chain[1])
    rows: list[dict[str, str | int]] = []
    for happening in happenings:
        position += 1
        row: dict[str, str | int] = {
            "id": str(uuid4()),
            "workspace_id": workspace_id,
            "position": position,
            "actor_type": actor.type.value,
            "actor_id": actor.id,
            "event": happening.event.value,
            "resource_type": happening.resource.type,
            "resource_id": happening.resource.id,
            "at_us": to_micros(at),
            "details": _canonical(happening.details),
            "previous_hash": head,
        }
        head = row["hash"] = _digest(row)
        rows.append(row)
    executor.execute(insert(_events), rows)
    executor.execute(
        update(_workspaces).where(_workspaces.c.id == workspace_id).values(audit_position=position, audit_head=head)
    )


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a verification found.

    Attributes:
        events: how many events were read.
        head: hash of the newest one; save it elsewhere to detect a rewritten chain later.
        differences: one plain sentence per fault; empty when the chain is whole.
    """

    events: int
    head: str
    differences: list[str]


def verify_chain(executor: Executor, workspace_id: str) -> ChainReport:
    """Recompute the workspace's chain from its first event and compare it with what is stored.

    Raises:
        LookupError: there is no such workspace.
    """
    stored = executor.execute(
        select(_workspaces.c.audit_position, _workspaces.c.audit_head).where(_workspaces.c.id == workspace_id)
    ).one_or_none()
    if stored is None:
        raise LookupError("no such workspace")
    rows = executor.execute(
        select(_events).where(_events.c.workspace_id == workspace_id).order_by(_events.c.position)
    ).mappings()
    differences: list[str] = []
    count, head = 0, GENESIS_HASH
    for count, row in enumerate(rows, start=1):
        differences.extend(f"audit event {row['position']}: {fault}" for fault in _faults(row, count, head))
        head = str(row["hash"])
    if (count, head) != (int(stored[0]), str(stored[1])):
        differences.append(f"the audit chain should have {stored[0]} events and its newest ones differ")
    return ChainReport(events=count, head=head, differences=differences)


def _faults(row: RowMapping, expected_position: int, previous: str) -> Iterator[str]:
    if int(row["position"]) != expected_position:
        yield f"position {expected_position} was expected"
    if row["previous_hash"] != previous:
        yield "does not follow the event before it"
    if row["hash"] != _digest(row):
        yield "was changed after it was written"


def _digest(row: Mapping[str, object] | RowMapping) -> str:
    covered = {column.name: row[column.name] for column in _events.c if column.name != "hash"}
    return hashlib.sha256(_canonical(covered).encode()).hexdigest()


def _canonical(value: Mapping[str, object]) -> str:
    return json.dumps(dict(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
