"""A `machine.json` copied to a second laptop: one device, two instances, and the rows of both land."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from starlette.testclient import TestClient

from api.audit import OPERATOR
from api.db.models import AuditRecord, SyncToken
from api.db.session import reading, transaction
from api.devices import revoke_device
from api.pairing.instances import live_instances
from pipelines.lake.clock import FixedClock
from tests.api.conftest import GREETING, Machine, Tenants
from tests.wire_records import BASE, batch, record

IDENTITY = {**GREETING, "fingerprint": "0123456789abcdef" * 2}


@pytest.fixture
def laptop(client: TestClient) -> Machine:
    return Machine(client, {**IDENTITY, "hostname": "first.local"})


@pytest.fixture
def copy(client: TestClient) -> Machine:
    return Machine(client, {**IDENTITY, "hostname": "second.local"})


def machines(engine: Engine, workspace_id: str) -> list[str]:
    with reading(engine) as session:
        return [hostname for found in live_instances(session, workspace_id).values() for hostname in found.values()]


def sends(machine: Machine, name: str) -> Any:
    headers = {"Authorization": f"Bearer {machine.token}"}
    return machine.client.post("/v1/requests/batch", content=batch([record(name)], name), headers=headers)


def test_both_are_one_device_and_the_rows_of_both_land(
    laptop: Machine, copy: Machine, tenants: Tenants, workspace_id: str, engine: Engine, clock: FixedClock
) -> None:
    clock.instant = BASE + timedelta(days=2)
    device = laptop.pair(tenants, workspace_id)
    assert sends(laptop, "before").status_code == 200
    clock.advance(timedelta(minutes=5))
    assert copy.pair(tenants, workspace_id) == device
    assert machines(engine, workspace_id) == ["second.local"], "nothing is known of the first since"
    clock.advance(timedelta(seconds=30))
    receipts = [sends(laptop, "from the first").json(), sends(copy, "from the second").json()]
    assert [(one["received"], one["accepted"]) for one in receipts] == [(1, 1), (1, 1)]
    assert machines(engine, workspace_id) == ["first.local", "second.local"]


def test_revoking_ends_all_of_them_at_once(
    laptop: Machine, copy: Machine, tenants: Tenants, workspace_id: str, engine: Engine, clock: FixedClock
) -> None:
    device = laptop.pair(tenants, workspace_id)
    copy.pair(tenants, workspace_id)
    with transaction(engine) as session:
        revoke_device(session, workspace_id, device, actor=OPERATOR, at=clock.now())
    for machine in (laptop, copy):
        refused = machine.call()
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "token_revoked")
    assert machines(engine, workspace_id) == []


def test_one_that_leaves_does_not_take_the_other_along(
    laptop: Machine, copy: Machine, tenants: Tenants, workspace_id: str, engine: Engine, clock: FixedClock
) -> None:
    laptop.pair(tenants, workspace_id)
    clock.advance(timedelta(minutes=5))
    copy.pair(tenants, workspace_id)
    clock.advance(timedelta(seconds=30))
    assert laptop.call().status_code == copy.call().status_code == 200
    assert copy.call("DELETE", "/v1/daemon/disconnect").status_code == 204
    assert copy.call().json()["error"]["code"] == "token_revoked"
    whoami = laptop.call()
    assert (whoami.status_code, whoami.json()["state"]) == (200, "ACTIVE"), "a refused copy says nothing of the device"
    assert machines(engine, workspace_id) == ["first.local"]
    assert laptop.call("DELETE", "/v1/daemon/disconnect").status_code == 204
    assert laptop.call().status_code == 401
    with reading(engine) as session:
        left = select(func.count()).where(AuditRecord.event == "device.disconnected")
        assert session.scalar(left) == 2
        assert session.scalar(select(func.count()).where(SyncToken.revoked_at_us.is_(None))) == 0


def test_a_renamed_laptop_that_pairs_again_is_one_instance_and_leaves_whole(
    laptop: Machine, copy: Machine, tenants: Tenants, workspace_id: str, engine: Engine, clock: FixedClock
) -> None:
    laptop.pair(tenants, workspace_id)
    laptop.call()
    clock.advance(timedelta(days=1))
    copy.pair(tenants, workspace_id)  # the same laptop under another name; its older token lies nowhere any more
    clock.advance(timedelta(days=1))
    copy.call()
    assert machines(engine, workspace_id) == ["second.local"]
    copy.call("DELETE", "/v1/daemon/disconnect")
    assert laptop.call().status_code == 401
    assert machines(engine, workspace_id) == []


def test_pairing_a_copy_leaves_an_approval_of_the_first_alone(
    laptop: Machine, copy: Machine, tenants: Tenants, workspace_id: str
) -> None:
    for machine in (laptop, copy):
        machine.start()
        tenants.approve(machine.code, workspace_id)
    tokens = {machine.poll()["api_key"] for machine in (copy, laptop)}
    assert len(tokens) == 2


def test_each_machine_that_pairs_again_ends_its_own_older_token_only(
    laptop: Machine, copy: Machine, tenants: Tenants, workspace_id: str
) -> None:
    laptop.pair(tenants, workspace_id)
    copy.pair(tenants, workspace_id)
    older = laptop.token
    laptop.pair(tenants, workspace_id)
    assert laptop.call(token=older).status_code == 401
    assert laptop.call().status_code == copy.call().status_code == 200


def test_a_token_of_before_ends_when_its_machine_pairs_again(
    laptop: Machine, tenants: Tenants, workspace_id: str, engine: Engine
) -> None:
    laptop.pair(tenants, workspace_id)
    with transaction(engine) as session:  # as the version before left it
        session.query(SyncToken).update({"instance": None})
    older = laptop.token
    laptop.pair(tenants, workspace_id)
    assert laptop.call(token=older).status_code == 401
    assert laptop.call().status_code == 200
