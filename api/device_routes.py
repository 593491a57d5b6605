"""HTTP of changes to devices: `/v1/{workspace}/devices/{device_id}`.

Belongs here: renaming and revoking, thin over `api.devices`. Does not belong here: the list with its spend
(`api.dashboards`), the daemon's own affairs (`api.pairing.routes`), pages (`api.pages.devices`).
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from msgspec import Meta

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.answers import json_answer, message_body
from api.db.dependencies import Work
from api.db.models import Device
from api.devices import device_state, rename_device, revoke_device
from api.openapi import describe
from pipelines.lake.clock import Clock, from_micros, iso_utc

router = APIRouter(tags=["devices"])
DeviceManager = Annotated[Caller, Depends(caller_with(Permission.MANAGE_DEVICES))]


class DeviceChanged(msgspec.Struct, kw_only=True, frozen=True):
    """A device after a change."""

    device_id: str
    name: str
    hostname: str
    state: str
    revoked_at: str | None


class DeviceRename(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`PATCH /v1/{workspace}/devices/{device_id}`."""

    name: Annotated[str, Meta(max_length=255, description="Empty: its host name again.")]


_CHANGED: Final = {
    "device_id": "0b0d2f4e-57f5-4f0a-8a6f-6a0e5b7c9d21",
    "name": "Vikrant's MBP",
    "hostname": "vk.local",
    "state": "ACTIVE",
    "revoked_at": None,
}


@router.patch(
    "/v1/{workspace}/devices/{device_id}",
    **describe(
        "Rename a device",
        answer=DeviceChanged,
        example=_CHANGED,
        message=DeviceRename,
        message_example={"name": "Vikrant's MBP"},
        refusals=(400, 401, 403, 404, 409, 413, 422),
    ),
)
def rename(
    request: Request,
    caller: DeviceManager,
    work: Work,
    device_id: str,
    message: Annotated[DeviceRename, Depends(message_body(DeviceRename))],
) -> Response:
    """Give a machine a name people know it by."""
    caller.require_writable()
    clock: Clock = request.app.state.clock
    device = rename_device(work, caller.workspace_id, device_id, message.name, actor=caller.actor, at=clock.now())
    return _changed(device, clock)


@router.post(
    "/v1/{workspace}/devices/{device_id}/revoke",
    **describe(
        "Revoke a device",
        answer=DeviceChanged,
        example={**_CHANGED, "state": "PAUSED", "revoked_at": "2026-07-01T09:00:00Z"},
        refusals=(401, 403, 404),
    ),
)
def revoke(request: Request, caller: DeviceManager, work: Work, device_id: str) -> Response:
    """End a machine's access at once: its next call is a 401 `token_revoked`. What it sent stays."""
    clock: Clock = request.app.state.clock
    device = revoke_device(work, caller.workspace_id, device_id, actor=caller.actor, at=clock.now())
    return _changed(device, clock)


def _changed(device: Device, clock: Clock) -> Response:
    revoked_at_us = device.revoked_at_us
    return json_answer(
        DeviceChanged(
            device_id=device.id,
            name=device.display_name or device.hostname,
            hostname=device.hostname,
            state=device_state(device, clock.now()).value,
            revoked_at=None if revoked_at_us is None else iso_utc(from_micros(revoked_at_us)),
        )
    )
