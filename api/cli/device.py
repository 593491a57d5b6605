"""`halton-cloud device`: the paired machines of a workspace.

Belongs here: the commands. Does not belong here: the rules (`api.devices`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from api.audit import OPERATOR
from api.cli.console import home_option, print_answer, workspace_option
from api.cli.database import changing, looking
from api.db.models import Device
from api.devices import device_state, list_devices, revoke_device, sync_banner
from api.workspaces import find_workspace
from pipelines.lake.clock import from_micros, iso_utc


@click.group("device")
def device_group() -> None:
    """List and revoke paired machines."""


@device_group.command("list")
@workspace_option
@home_option
def list_command(home_folder: str | None, workspace_slug: str) -> None:
    r"""List the machines of a workspace with their derived states.

    Prints {"banner", "devices": [{"machine_id", "hostname", "state", ...}]}.

    \b
    Example:
      halton-cloud device list --workspace acme-co
    """
    with looking(home_folder) as (session, now):
        found = list_devices(session, find_workspace(session, workspace_slug).id)
        answer = {"banner": sync_banner(found, now).value, "devices": [_shown(device, now) for device in found]}
    print_answer(answer)


@device_group.command("revoke")
@click.argument("machine_id")
@workspace_option
@home_option
def revoke(home_folder: str | None, machine_id: str, workspace_slug: str) -> None:
    r"""End a machine's access: its next call is answered 401. What it sent stays.

    Prints {"machine_id", "state"}.

    \b
    Example:
      halton-cloud device revoke 0b0d2f4e-57f5-4f0a-8a6f-6a0e5b7c9d21 --workspace acme-co
    """
    with changing(home_folder) as (session, now):
        workspace_id = find_workspace(session, workspace_slug).id
        device = revoke_device(session, workspace_id, machine_id, actor=OPERATOR, at=now)
        answer = {"machine_id": device.id, "state": device_state(device, now).value}
    print_answer(answer)


def _shown(device: Device, now: datetime) -> dict[str, Any]:
    return {
        "machine_id": device.id,
        "hostname": device.hostname,
        "display_name": device.display_name,
        "platform": device.platform,
        "daemon_version": device.daemon_version,
        "state": device_state(device, now).value,
        "paired_at": iso_utc(from_micros(device.paired_at_us)),
        "last_seen_at": _instant(device.last_seen_at_us),
        "last_sync_at": _instant(device.last_batch_at_us),
        "revoked_at": _instant(device.revoked_at_us),
        "revoked_reason": device.revoked_reason,
    }


def _instant(micros: int | None) -> str | None:
    return None if micros is None else iso_utc(from_micros(micros))
