"""Pages of devices: the list of paired machines, one machine, renaming and revoking.

Belongs here: `/{workspace}/settings/devices…`. Does not belong here: rules (`api.devices`), letting a machine in
(`connect`).

What a machine calls itself is its own word: it is shown escaped, as one line, and set apart so that it cannot turn the
direction of the text around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.access.same_site import public_url
from api.access.text import NAME_LENGTH_MAX, clipped
from api.db.dependencies import Look, Work
from api.db.models import Device
from api.devices import DeviceState, device_state, find_device, list_devices, rename_device, revoke_device
from api.errors import Refused
from api.pages.forms import PostedForm
from api.pages.shell import page, see_other
from api.pairing.instances import live_instances

router = APIRouter(include_in_schema=False)
Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_DEVICES))]
Manager = Annotated[Caller, Depends(caller_with(Permission.MANAGE_DEVICES))]

DONE: Final = {
    "paired": "The machine was let in. Go back to its terminal: it confirms there, and its usage appears here.",
    "renamed": "The machine was renamed.",
    "revoked": "Access was revoked. What the machine sent so far stays.",
}
_KINDS: Final = {
    DeviceState.ACTIVE: "good",
    DeviceState.DEGRADED: "warn",
    DeviceState.PAUSED: "bad",
    DeviceState.NOT_CONFIGURED: "",
}
MEANINGS: Final = {
    DeviceState.ACTIVE: "It syncs, and its last sync is recent.",
    DeviceState.DEGRADED: "It is catching up, or has been silent for more than 72 hours.",
    DeviceState.PAUSED: "Its access was revoked, or its newest call was refused. Nothing flows.",
    DeviceState.NOT_CONFIGURED: "It left the workspace, or has not called yet. Nothing flows.",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A device as it stands on a page.

    Attributes:
        name: what people call it.
        state: derived by the server.
        kind: colour of the state's badge.
        machines: host names of the machines at work under its identity.
    """

    device: Device
    name: str
    state: DeviceState
    kind: str
    machines: Sequence[str]

    @property
    def ended(self) -> bool:
        """Whether it has no access any more."""
        return self.device.revoked_at_us is not None


@router.get("/{workspace}/settings/devices")
def devices_page(request: Request, caller: Viewer, look: Look, done: str = "") -> Response:
    """Show every machine: those with access by name, then those without, newest end first."""
    now = request.app.state.clock.now()
    machines = live_instances(look, caller.workspace_id)
    found = [
        _shown(one, list(machines.get(one.id, {}).values()), now) for one in list_devices(look, caller.workspace_id)
    ]
    found.sort(key=lambda one: (one.ended, -(one.device.revoked_at_us or 0), one.name.casefold(), one.device.id))
    return page(
        request,
        "devices/list.html",
        caller=caller,
        devices=found,
        meanings=MEANINGS,
        now=now,
        base_url=public_url(request),
        done=DONE.get(done, ""),
    )


@router.get("/{workspace}/settings/devices/{device_id}")
def device_page(request: Request, caller: Viewer, device_id: str, look: Look) -> Response:
    """Show one machine."""
    return _one(request, caller, look, device_id)


@router.post("/{workspace}/settings/devices/{device_id}/rename")
def rename(request: Request, caller: Manager, device_id: str, form: PostedForm, work: Work) -> Response:
    """Rename a machine; a name that cannot be is shown again with what was typed."""
    form.only("name")
    caller.require_writable()
    name, now = form.text("name"), request.app.state.clock.now()
    try:
        rename_device(work, caller.workspace_id, device_id, name, actor=caller.actor, at=now)
    except Refused as refused:
        if refused.status != 422:  # noqa: PLR2004 - everything else has a page of its own
            raise
        work.rollback()
        return _one(request, caller, work, device_id, refused=refused, typed=name)
    return see_other(f"/{caller.slug}/settings/devices?done=renamed")


@router.get("/{workspace}/settings/devices/{device_id}/revoke")
def ask_to_revoke(request: Request, caller: Manager, device_id: str, look: Look) -> Response:
    """Ask whether a machine's access should really end."""
    shown = _look_up(look, caller, device_id, request.app.state.clock.now())
    return page(request, "devices/revoke.html", caller=caller, shown=shown)


@router.post("/{workspace}/settings/devices/{device_id}/revoke")
def revoke(request: Request, caller: Manager, device_id: str, form: PostedForm, work: Work) -> Response:
    """End a machine's access."""
    form.only()
    now = request.app.state.clock.now()
    revoke_device(work, caller.workspace_id, device_id, actor=caller.actor, at=now)
    return see_other(f"/{caller.slug}/settings/devices?done=revoked")


def _one(
    request: Request,
    caller: Caller,
    session: Session,
    device_id: str,
    *,
    refused: Refused | None = None,
    typed: str | None = None,
) -> Response:
    now = request.app.state.clock.now()
    shown = _look_up(session, caller, device_id, now)
    return page(
        request,
        "devices/one.html",
        caller=caller,
        status=200 if refused is None else refused.status,
        shown=shown,
        meaning=MEANINGS[shown.state],
        now=now,
        error="" if refused is None else refused.message,
        typed=(shown.device.display_name or "") if typed is None else typed,
    )


def _look_up(session: Session, caller: Caller, device_id: str, now: datetime) -> Shown:
    device = find_device(session, caller.workspace_id, device_id)
    machines = live_instances(session, caller.workspace_id).get(device_id, {})
    return _shown(device, list(machines.values()), now)


def _shown(device: Device, machines: Sequence[str], now: datetime) -> Shown:
    state = device_state(device, now)
    name = device.display_name or clipped(device.hostname, NAME_LENGTH_MAX) or "Machine without a name"
    return Shown(device, name, state, _KINDS[state], machines)
