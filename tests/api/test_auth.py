"""Which machine is calling, and the reasons of a refusal. People and API keys are in `access`."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from api.audit import OPERATOR
from api.auth import authenticate_device
from api.db.models import Device, Workspace
from api.db.session import reading, transaction
from api.devices import DeviceState, device_state, revoke_device
from api.errors import Refused
from api.tokens import SecretKind, new_secret
from pipelines.lake.clock import FixedClock, to_micros
from tests.api.conftest import Machine, Tenants
from tests.conftest import on_sqlite


def request_deletion(engine: Engine, workspace_id: str, clock: FixedClock) -> None:
    now_us = to_micros(clock.now())
    with transaction(engine) as session:
        session.execute(update(Workspace).where(Workspace.id == workspace_id).values(deletion_requested_at_us=now_us))


@on_sqlite
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer hm_sync_x", "Basic eDp5"])
def test_a_missing_or_malformed_token_is_unknown(header: str | None, engine: Engine, clock: FixedClock) -> None:
    with pytest.raises(Refused) as refusal:
        authenticate_device(engine, header, clock)
    assert (refusal.value.status, refusal.value.code) == (401, "token_unknown")
    assert refusal.value.headers == {"WWW-Authenticate": "Bearer"}


def test_a_well_formed_token_never_issued_is_unknown(machine: Machine) -> None:
    answer = machine.call(token=new_secret(SecretKind.SYNC))
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "token_unknown")


def test_a_revoked_token_says_so_and_the_refusal_is_remembered(
    machine: Machine, tenants: Tenants, workspace_id: str, engine: Engine, clock: FixedClock
) -> None:
    machine_id = machine.pair(tenants, workspace_id)
    machine.call()
    clock.advance(timedelta(minutes=5))
    with transaction(engine) as session:
        revoke_device(session, workspace_id, machine_id, actor=OPERATOR, at=clock.now())
    answer = machine.call()
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "token_revoked")
    with reading(engine) as session:
        device = session.get_one(Device, machine_id)
        assert device.last_rejected_at_us == to_micros(clock.now())
        assert device_state(device, clock.now()) is DeviceState.PAUSED


def test_a_token_of_a_workspace_being_deleted_says_so(
    machine: Machine, tenants: Tenants, workspace_id: str, engine: Engine, clock: FixedClock
) -> None:
    machine_id = machine.pair(tenants, workspace_id)
    machine.call()
    clock.advance(timedelta(minutes=5))
    request_deletion(engine, workspace_id, clock)
    answer = machine.call()
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "workspace_deleted")
    with reading(engine) as session:
        assert device_state(session.get_one(Device, machine_id), clock.now()) is DeviceState.PAUSED


def test_a_replaced_token_does_not_pause_its_device(
    machine: Machine, tenants: Tenants, workspace_id: str, engine: Engine, clock: FixedClock
) -> None:
    machine.greeting["fingerprint"] = "b" * 32
    machine.pair(tenants, workspace_id)
    older = machine.token
    machine_id = machine.pair(tenants, workspace_id)
    machine.call()
    clock.advance(timedelta(minutes=5))
    assert machine.call(token=older).status_code == 401
    with reading(engine) as session:
        assert device_state(session.get_one(Device, machine_id), clock.now()) is DeviceState.ACTIVE


def test_sightings_are_noted_at_most_once_a_minute(
    machine: Machine, tenants: Tenants, workspace_id: str, engine: Engine, clock: FixedClock
) -> None:
    machine.pair(tenants, workspace_id)
    noted: list[int | None] = []
    for seconds in (0, 59, 2):
        clock.advance(timedelta(seconds=seconds))
        assert machine.call().status_code == 200
        with reading(engine) as session:
            noted.append(session.scalar(select(Device.last_seen_at_us)))
    assert noted[0] == noted[1]
    assert noted[2] == to_micros(clock.now())
