"""Machines behind one identity: more than one when a `machine.json` was copied to a second laptop.

Belongs here: telling such machines apart, noting them, counting them. Does not belong here: tokens (`sessions`), what
may be done to a device (`api.devices`).

A machine is told from its copy by the host name and platform it pairs under. Pairing again under the same ones ends the
older token: it is the same laptop. Under others, both tokens work: the rows of both land, under one device.

Whether there really are two shows in what they do. An instance counts when it holds a live token and was heard from
after the newest pairing: a laptop that was renamed and paired again leaves a token that is never used any more.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, and_, bindparam, func, select
from sqlalchemy.orm import Session

from api.db.models import Device, DeviceInstance, PairingSession, SyncToken
from pipelines.lake.clock import to_micros

_LENGTH: Final = 32


def instance_of(hostname: str, platform: str) -> str:
    """Return what tells a machine from others with the same identity."""
    return hashlib.sha256(f"{hostname.lower()}\0{platform.lower()}".encode()).hexdigest()[:_LENGTH]


def note_instance(session: Session, device_id: str, pairing: PairingSession, at: datetime) -> str:
    """Note the machine that paired, and return its instance."""
    instance, at_us = instance_of(pairing.hostname, pairing.platform), to_micros(at)
    known = session.get(DeviceInstance, (device_id, instance))
    if known is None:
        known = DeviceInstance(device_id=device_id, instance=instance, first_seen_at_us=at_us)
        session.add(known)
    known.hostname, known.remote_address = pairing.hostname, pairing.remote_address
    known.last_seen_at_us = at_us
    session.flush()
    return instance


# Put together once, for the dashboards too, which ask it with every list of devices.
_LIVE: Final = (
    select(
        DeviceInstance.device_id,
        DeviceInstance.instance,
        DeviceInstance.hostname,
        DeviceInstance.last_seen_at_us,
        func.max(SyncToken.created_at_us).label("paired_at_us"),
    )
    .join(Device, Device.id == DeviceInstance.device_id)
    .join(
        SyncToken,
        and_(
            SyncToken.device_id == DeviceInstance.device_id,
            SyncToken.instance == DeviceInstance.instance,
            SyncToken.revoked_at_us.is_(None),
        ),
    )
    .where(Device.workspace_id == bindparam("workspace_id", type_=Device.workspace_id.type))
    .group_by(
        DeviceInstance.device_id, DeviceInstance.instance, DeviceInstance.hostname, DeviceInstance.last_seen_at_us
    )
    .order_by(DeviceInstance.hostname, DeviceInstance.instance)
)


class _Live(NamedTuple):
    device_id: str
    instance: str
    hostname: str
    last_seen_at_us: int
    paired_at_us: int


def live_instances(executor: Session | Connection, workspace_id: str) -> Mapping[str, Mapping[str, str]]:
    """Return the machines that count of every device, as host name by instance."""
    found: defaultdict[str, list[_Live]] = defaultdict(list)
    for row in executor.execute(_LIVE, {"workspace_id": workspace_id}):
        live = _Live(*row)
        found[live.device_id].append(live)
    return {device_id: _counting(machines) for device_id, machines in found.items()}


def _counting(machines: Sequence[_Live]) -> dict[str, str]:
    newest = max(one.paired_at_us for one in machines)
    return {
        one.instance: one.hostname for one in machines if one.paired_at_us == newest or one.last_seen_at_us > newest
    }
