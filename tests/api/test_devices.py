"""Ending a device's access; the foreign workspace first."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select

from api.audit import OPERATOR
from api.db.models import AuditRecord, Device
from api.db.session import reading, transaction
from api.devices import disconnect_device, list_devices, revoke_device
from api.errors import Refused
from pipelines.lake.clock import FixedClock
from tests.api.conftest import Machine, Tenants


def test_a_device_of_another_workspace_is_not_found(
    machine: Machine, tenants: Tenants, workspace_id: str, engine: Engine, clock: FixedClock
) -> None:
    machine_id = machine.pair(tenants, workspace_id)
    other = tenants.workspace("Other")
    messages: set[str] = set()
    for wanted in (machine_id, "00000000-0000-4000-8000-000000000000"):
        with pytest.raises(Refused) as refusal, transaction(engine) as session:
            revoke_device(session, other, wanted, actor=OPERATOR, at=clock.now())
        messages.add(f"{refusal.value.status} {refusal.value.code} {refusal.value}")
    assert messages == {"404 device_not_found No such device."}
    assert machine.call().status_code == 200
    with reading(engine) as session:
        assert list_devices(session, other) == []


def test_ending_access_twice_changes_nothing(
    machine: Machine, tenants: Tenants, workspace_id: str, engine: Engine, clock: FixedClock
) -> None:
    machine_id = machine.pair(tenants, workspace_id)
    for end in (revoke_device, revoke_device, disconnect_device):
        with transaction(engine) as session:
            end(session, workspace_id, machine_id, actor=OPERATOR, at=clock.now())
    with reading(engine) as session:
        assert session.get_one(Device, machine_id).revoked_reason == "revoked"
        events = session.scalars(select(AuditRecord.event).order_by(AuditRecord.position)).all()
    assert events == [
        "workspace.created",
        "member.added",
        "pairing.approved",
        "device.paired",
        "token.issued",
        "device.revoked",
    ]


def test_a_failed_change_leaves_no_trace(
    machine: Machine, tenants: Tenants, workspace_id: str, engine: Engine, clock: FixedClock
) -> None:
    machine_id = machine.pair(tenants, workspace_id)

    def revoke_and_fail() -> None:
        with transaction(engine) as session:
            revoke_device(session, workspace_id, machine_id, actor=OPERATOR, at=clock.now())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        revoke_and_fail()
    assert machine.call().status_code == 200
    with reading(engine) as session:
        assert "device.revoked" not in session.scalars(select(AuditRecord.event)).all()
