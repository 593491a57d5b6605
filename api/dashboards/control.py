"""What the dashboards read from the app database.

Belongs here: names, states and budgets that may be newer than the build, and whether the build lags behind landing.
Does not belong here: anything that is summed (`queries`), and any change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine, func, select

from api.db.models import Budget, Device, Project, Workspace
from api.db.session import reading
from api.devices import REVOCATION_SHOWN_FOR, DeviceState, SyncBanner, device_state, sync_banner
from pipelines.lake.clock import to_micros
from pipelines.lake.ledger import compacted_files, landed_files, stored_files, stored_path

STALE_AFTER: Final = timedelta(minutes=10)
"""A landed file that has waited longer than this for a build makes answers say that they are stale."""
WORKSPACE_SCOPE: Final = "workspace"


@dataclass(frozen=True)
class Standing:
    """What may change an answer without a new build.

    Attributes:
        control_version: rises with every audited change of the workspace: names, archivings, budgets, plan.
        stale: whether landed rows have waited too long for a build.
    """

    control_version: int
    stale: bool


@dataclass(frozen=True)
class Sync:
    """The sync banner: its colour and the states of the devices it counts."""

    colour: SyncBanner
    states: tuple[DeviceState, ...]


@dataclass(frozen=True)
class LandedFile:
    """A landed Parquet file as the ledger knows it.

    Attributes:
        relative_path: where it landed, under the landing folder.
        sha256: digest of its bytes as they were acknowledged, hex.
        row_count: rows in it.
        committed_at_us: when it was acknowledged.
        stored_path: where its rows lie now: there, or in a compacted file.
        stored_sha256: digest of that file's bytes, hex.
        compacted_at_us: when its rows were moved; None while they lie where they landed.
    """

    relative_path: str
    sha256: str
    row_count: int
    committed_at_us: int
    stored_path: str
    stored_sha256: str
    compacted_at_us: int | None


def landed_file(engine: Engine, workspace_id: str, file_seq: int) -> LandedFile | None:
    """Return the ledger's entry of one of the workspace's files; None when its rows are no longer kept."""
    columns = landed_files.c
    query = (
        select(
            columns.relative_path,
            columns.sha256,
            columns.row_count,
            columns.committed_at_us,
            stored_path,
            func.coalesce(compacted_files.c.sha256, columns.sha256),
            compacted_files.c.compacted_at_us,
        )
        .select_from(stored_files)
        .where(columns.workspace_id == workspace_id, columns.file_seq == file_seq, columns.dropped_at_us.is_(None))
    )
    with reading(engine) as session:
        row = session.execute(query).one_or_none()
    return None if row is None else LandedFile(*row)


def standing(engine: Engine, workspace_id: str, built_file_seq: int, now: datetime) -> Standing:
    """Return how the workspace stands against a build that holds files up to `built_file_seq`."""
    waiting = select(func.min(landed_files.c.committed_at_us)).where(
        landed_files.c.workspace_id == workspace_id, landed_files.c.file_seq > built_file_seq
    )
    version = select(Workspace.audit_position).where(Workspace.id == workspace_id)
    with reading(engine) as session:
        oldest_us = session.execute(waiting).scalar_one()
        position = session.execute(version).scalar_one()
    stale = oldest_us is not None and oldest_us < to_micros(now - STALE_AFTER)
    return Standing(position, stale)


def devices(engine: Engine, workspace_id: str) -> Sequence[Device]:
    """Return the workspace's devices, revoked ones included, in the order they were paired."""
    query = select(Device).where(Device.workspace_id == workspace_id).order_by(Device.paired_at_us, Device.id)
    with reading(engine) as session:
        return session.scalars(query).all()


def device_name(device: Device) -> str:
    """Return what people call a device."""
    return device.display_name or device.hostname


def device_names(engine: Engine, workspace_id: str) -> dict[str, str]:
    """Return the names of the workspace's devices by id."""
    return {device.id: device_name(device) for device in devices(engine, workspace_id)}


def projects(engine: Engine, workspace_id: str) -> dict[str, Project]:
    """Return the workspace's projects by slug."""
    query = select(Project).where(Project.workspace_id == workspace_id)
    with reading(engine) as session:
        return {project.slug: project for project in session.scalars(query)}


def workspace_budget(engine: Engine, workspace_id: str) -> int | None:
    """Return the workspace's monthly budget in millicents, None when none is set."""
    query = select(Budget.monthly_millicents).where(
        Budget.workspace_id == workspace_id, Budget.scope == WORKSPACE_SCOPE
    )
    with reading(engine) as session:
        return session.execute(query).scalars().first()


def sync(found: Sequence[Device], now: datetime) -> Sync:
    """Return the sync banner over devices at `now`; a device revoked long ago is history and not counted."""
    forgotten_us = to_micros(now - REVOCATION_SHOWN_FOR)
    counted = [device for device in found if device.revoked_at_us is None or device.revoked_at_us >= forgotten_us]
    return Sync(sync_banner(counted, now), tuple(device_state(device, now) for device in counted))
