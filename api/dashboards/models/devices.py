"""Shapes of the device list and of the filter rail's values.

Belongs here: what one can filter by. Does not belong here: pairing and revoking (`api.devices`).
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from api.dashboards.models.answer import Answer, Instant, Percent, Shape, Spend
from api.dashboards.models.overview import SyncShown


class DeviceShown(Spend, kw_only=True, frozen=True):
    """One paired device and its part of the spend."""

    device_id: str
    name: str
    hostname: str
    platform: str
    daemon_version: str
    state: Annotated[str, Meta(description="ACTIVE, DEGRADED, PAUSED or NOT-CONFIGURED.")]
    instances: Annotated[
        int,
        Meta(description="Machines at work under this identity; 2 when a machine.json was copied, 0 when none may."),
    ]
    machines: Annotated[list[str], Meta(description="Their host names.")]
    paired_at: Instant
    revoked_at: Instant | None
    revoked_reason: Annotated[
        str | None, Meta(description="`disconnected` when it left by itself; null while it has access.")
    ]
    last_seen_at: Instant | None
    last_sync_at: Annotated[Instant | None, Meta(description="Arrival of its last batch, by the server's clock.")]
    share_percent: Percent | None


class DevicesAnswer(Answer, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/devices`: by spend, largest first."""

    sync: SyncShown
    devices: list[DeviceShown]


class ModelValue(Shape, kw_only=True, frozen=True):
    """A model one can filter by."""

    provider: str
    model: str
    display_name: str | None


class ProjectValue(Shape, kw_only=True, frozen=True):
    """A project one can filter by."""

    project: str
    display_name: str | None


class DeviceValue(Shape, kw_only=True, frozen=True):
    """A device one can filter by."""

    device_id: str
    name: str | None


class CostCentreValue(Shape, kw_only=True, frozen=True):
    """A cost centre one can filter by."""

    cost_center: str
    name: str


class FilterValuesAnswer(Answer, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/filters`: every value with a visible request, over all time; cost centres with a project."""

    ranges: list[str]
    providers: list[str]
    models: list[ModelValue]
    projects: list[ProjectValue]
    devices: list[DeviceValue]
    cost_centers: list[CostCentreValue]
