"""Who is calling, and the reasons of a refusal; the foreign workspace first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi import Depends, FastAPI
from sqlalchemy import Engine, select, update
from starlette.testclient import TestClient

from api.audit import OPERATOR
from api.auth import AuthenticatedWorkspace, api_key_workspace, authenticate_api_key, authenticate_device
from api.db.models import ApiKey, Device, Workspace
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


def refusal_of(client: TestClient, path: str, key: str | None) -> tuple[int, dict[str, str], bytes]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    answer = client.get(path, headers=headers)
    return answer.status_code, answer.json()["error"], answer.content


def test_a_foreign_workspace_is_the_same_404_as_an_absent_or_deleted_one(
    app: FastAPI, client: TestClient, tenants: Tenants, engine: Engine, clock: FixedClock
) -> None:
    @app.get("/probe/{workspace}")
    def probe(found: AuthenticatedWorkspace = Depends(api_key_workspace)) -> dict[str, str]:  # noqa: B008
        return {"id": found.workspace_id}

    mine, foreign, gone = (tenants.workspace(name) for name in ("Mine", "Foreign", "Gone"))
    key = tenants.api_key(mine)
    request_deletion(engine, gone, clock)
    answer = client.get("/probe/mine", headers={"Authorization": f"Bearer {key}"})
    assert answer.json() == {"id": mine}

    refusals = {refusal_of(client, f"/probe/{slug}", key)[2] for slug in ("foreign", "gone", "absent")}
    assert refusals == {b'{"error":{"code":"workspace_not_found","message":"No such workspace."}}'}
    assert refusal_of(client, "/probe/foreign", key)[0] == 404
    gone_key = tenants.api_key(gone)
    assert refusal_of(client, "/probe/gone", gone_key)[2] in refusals
    assert foreign != mine


def test_a_missing_malformed_unknown_or_revoked_key_is_a_401(
    engine: Engine, tenants: Tenants, clock: FixedClock, workspace_id: str
) -> None:
    revoked = tenants.api_key(workspace_id)
    with transaction(engine) as session:
        session.execute(update(ApiKey).values(revoked_at_us=1))
    for header in (None, "", "Bearer x", f"Bearer {new_secret(SecretKind.API)}", f"Bearer {revoked}"):
        with pytest.raises(Refused) as refusal:
            authenticate_api_key(engine, header, "acme-co", clock)
        assert (refusal.value.status, refusal.value.code) == (401, "api_key_unknown")


def test_a_sync_token_does_not_read_dashboards_nor_a_key_sync(
    engine: Engine, tenants: Tenants, clock: FixedClock, workspace_id: str, machine: Machine
) -> None:
    machine.pair(tenants, workspace_id)
    with pytest.raises(Refused) as refusal:
        authenticate_api_key(engine, f"Bearer {machine.token}", "acme-co", clock)
    assert refusal.value.status == 401
    refused = machine.call(token=tenants.api_key(workspace_id))
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "token_unknown")


def test_the_last_use_of_a_key_is_noted_at_most_once_a_minute(
    engine: Engine, tenants: Tenants, clock: FixedClock, workspace_id: str
) -> None:
    header = f"Bearer {tenants.api_key(workspace_id)}"
    noted: list[int | None] = []
    for seconds in (0, 30, 31):
        clock.advance(timedelta(seconds=seconds))
        authenticate_api_key(engine, header, "acme-co", clock)
        with reading(engine) as session:
            noted.append(session.scalar(select(ApiKey.last_used_at_us)))
    assert noted[0] == noted[1]
    assert noted[2] == to_micros(clock.now())


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
