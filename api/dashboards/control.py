"""What the dashboards read from the app database.

Belongs here: names, states and budgets that may be newer than the build, and whether the build lags behind landing.
Does not belong here: anything that is summed (`queries`), and any change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import Engine, Row, Select, String, bindparam, func, select

from api.db.models import Budget, CostCentre, Device, Project, Workspace
from api.db.session import reading
from api.devices import REVOCATION_SHOWN_FOR, DeviceState, SyncBanner, device_state, sync_banner
from api.pairing.instances import live_instances
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


# Put together once, and read as plain rows: building statements and the mapper's objects took longer than the database.
_OF_WORKSPACE: Final = bindparam("workspace_id", type_=String())
_WAITING: Final = select(func.min(landed_files.c.committed_at_us)).where(
    landed_files.c.workspace_id == _OF_WORKSPACE, landed_files.c.file_seq > bindparam("built_file_seq")
)
_STANDING: Final = select(Workspace.audit_position, _WAITING.scalar_subquery()).where(Workspace.id == _OF_WORKSPACE)
_DEVICES: Final = (
    select(*Device.__table__.columns)
    .where(Device.workspace_id == _OF_WORKSPACE)
    .order_by(Device.paired_at_us, Device.id)
)
_PROJECTS: Final = select(*Project.__table__.columns).where(Project.workspace_id == _OF_WORKSPACE)
_BUDGET: Final = select(Budget.monthly_millicents).where(
    Budget.workspace_id == _OF_WORKSPACE, Budget.scope == WORKSPACE_SCOPE
)

_CENTRES: Final = (
    select(CostCentre.slug, CostCentre.name)
    .where(
        CostCentre.workspace_id == _OF_WORKSPACE,
        select(Project.slug)
        .where(Project.workspace_id == CostCentre.workspace_id, Project.cost_centre_id == CostCentre.id)
        .exists(),
    )
    .order_by(func.lower(CostCentre.name), CostCentre.slug)
)
_OF_CENTRES: Final = select(CostCentre.slug, Project.slug).where(
    CostCentre.workspace_id == _OF_WORKSPACE,
    Project.workspace_id == CostCentre.workspace_id,
    Project.cost_centre_id == CostCentre.id,
)


def standing(engine: Engine, workspace_id: str, built_file_seq: int, now: datetime) -> Standing:
    """Return how the workspace stands against a build that holds files up to `built_file_seq`."""
    found: tuple[int, int | None] = tuple(_rows(engine, _STANDING, workspace_id, built_file_seq=built_file_seq)[0])
    position, oldest_us = found
    stale = oldest_us is not None and oldest_us < to_micros(now - STALE_AFTER)
    return Standing(position, stale)


def devices(engine: Engine, workspace_id: str) -> Sequence[Device]:
    """Return the workspace's devices, revoked ones included, in the order they were paired; to be read only."""
    return cast("Sequence[Device]", _rows(engine, _DEVICES, workspace_id))


def instances(engine: Engine, workspace_id: str) -> Mapping[str, tuple[str, ...]]:
    """Return the host names of the machines behind each device's identity; a device without a live token is absent."""
    with engine.connect().execution_options(read_only=True) as connection:
        found = live_instances(connection, workspace_id)
    return {device_id: tuple(sorted(machines.values())) for device_id, machines in found.items()}


def device_name(device: Device) -> str:
    """Return what people call a device."""
    return device.display_name or device.hostname


def projects(engine: Engine, workspace_id: str) -> dict[str, Project]:
    """Return the workspace's projects by slug; to be read only."""
    found = cast("Sequence[Project]", _rows(engine, _PROJECTS, workspace_id))
    return {project.slug: project for project in found}


def assigned_centres(engine: Engine, workspace_id: str) -> list[tuple[str, str]]:
    """Return slug and name of each cost centre that has a project, archived ones included, by name."""
    return [(slug, name) for slug, name in _rows(engine, _CENTRES, workspace_id)]


def projects_of_centres(engine: Engine, workspace_id: str, centres: Collection[str]) -> set[str]:
    """Return the slugs of the projects assigned to some cost centres now."""
    wanted = set(centres)
    return {project for centre, project in _rows(engine, _OF_CENTRES, workspace_id) if centre in wanted}


def workspace_budget(engine: Engine, workspace_id: str) -> int | None:
    """Return the workspace's monthly budget in millicents, None when none is set."""
    found = _rows(engine, _BUDGET, workspace_id)
    return found[0][0] if found else None


def sync(found: Sequence[Device], now: datetime) -> Sync:
    """Return the sync banner over devices at `now`; a device revoked long ago is history and not counted."""
    forgotten_us = to_micros(now - REVOCATION_SHOWN_FOR)
    counted = [device for device in found if device.revoked_at_us is None or device.revoked_at_us >= forgotten_us]
    return Sync(sync_banner(counted, now), tuple(device_state(device, now) for device in counted))


def _rows(
    engine: Engine, statement: Select[*tuple[Any, ...]], workspace_id: str, **parameters: object
) -> Sequence[Row[*tuple[Any, ...]]]:
    with engine.connect().execution_options(read_only=True) as connection:
        return connection.execute(statement, {"workspace_id": workspace_id, **parameters}).all()
