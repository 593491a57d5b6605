"""A laptop paired with a release that did not tell machines of one identity apart goes on after the upgrade."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, text
from starlette.testclient import TestClient

from api.db.migrate import downgrade, upgrade
from api.db.models import DeviceInstance, Role, SyncToken
from api.db.session import reading
from api.ingest.senders import KnownSenders
from pipelines.lake.clock import FixedClock
from tests.api.conftest import GREETING, Machine, People, Tenants
from tests.conftest import on_sqlite
from tests.wire_records import BASE, batch, record

PREVIOUS_RELEASE = "0002"
IDENTITY = {**GREETING, "fingerprint": "0123456789abcdef" * 2}


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(BASE + timedelta(days=2))


@pytest.fixture
def laptop(client: TestClient) -> Machine:
    return Machine(client, {**IDENTITY, "hostname": "\u00c9mile.local"})


@pytest.fixture
def copy(client: TestClient) -> Machine:
    return Machine(client, {**IDENTITY, "hostname": "second.local"})


def sends(machine: Machine, name: str) -> Any:
    headers = {"Authorization": f"Bearer {machine.token}"}
    return machine.client.post("/v1/requests/batch", content=batch([record(name)], name), headers=headers)


def through_the_previous_schema(engine: Engine) -> None:
    """Take away what the previous release did not write, then upgrade as a server does when it starts."""
    downgrade(engine, PREVIOUS_RELEASE)
    upgrade(engine)


def noted(engine: Engine) -> list[tuple[str, str, str, str]]:
    with reading(engine) as session:
        rows = session.scalars(select(DeviceInstance).order_by(DeviceInstance.device_id, DeviceInstance.instance)).all()
    return [(row.device_id, row.instance, row.hostname, row.remote_address) for row in rows]


def listed(people: People, workspace_id: str) -> tuple[str, list[int]]:
    """Return the page of devices, and how many instances each has."""
    owner = people.member(workspace_id, "vk@acme.co", Role.OWNER)
    answer = owner.json("GET", "/v1/acme-co/devices").json()
    return owner.get("/acme-co/settings/devices").text, [one["instances"] for one in answer["devices"]]


def test_it_uploads_and_is_listed_as_one_machine(
    laptop: Machine, tenants: Tenants, people: People, workspace_id: str, engine: Engine, clock: FixedClock
) -> None:
    laptop.pair(tenants, workspace_id)
    assert sends(laptop, "before").status_code == 200
    before = noted(engine)
    through_the_previous_schema(engine)
    assert noted(engine) == before, "as if this release had paired it"
    for days, name in ((0, "at once"), (1, "a day later"), (1, "and at once again")):
        clock.advance(timedelta(days=days))
        assert sends(laptop, name).json()["accepted"] == 1
    page, instances = listed(people, workspace_id)
    assert instances == [1]
    assert "mile.local" in page
    assert "instances" not in page


@on_sqlite
def test_its_uploads_take_the_quick_way(
    laptop: Machine, tenants: Tenants, workspace_id: str, engine: Engine, clock: FixedClock
) -> None:
    device = laptop.pair(tenants, workspace_id)
    sends(laptop, "before")
    clock.advance(timedelta(minutes=1))
    sends(laptop, "noted after the pairing")
    through_the_previous_schema(engine)
    known = KnownSenders(engine, clock)
    found = known.find(f"Bearer {laptop.token}")
    known.close()
    assert found is not None
    assert (found.workspace_id, found.device_id) == (workspace_id, device)


def test_a_copy_that_pairs_afterwards_does_not_end_its_token(
    laptop: Machine, copy: Machine, tenants: Tenants, people: People, workspace_id: str, engine: Engine,
    clock: FixedClock,
) -> None:  # fmt: skip
    device = laptop.pair(tenants, workspace_id)
    sends(laptop, "before")
    through_the_previous_schema(engine)
    clock.advance(timedelta(minutes=5))
    assert copy.pair(tenants, workspace_id) == device
    clock.advance(timedelta(seconds=30))
    assert [sends(one, name).status_code for one, name in ((laptop, "first"), (copy, "second"))] == [200, 200]
    page, instances = listed(people, workspace_id)
    assert instances == [2]
    assert "2 instances" in page


def test_its_older_token_ends_when_it_pairs_again(
    laptop: Machine, tenants: Tenants, workspace_id: str, engine: Engine
) -> None:
    laptop.pair(tenants, workspace_id)
    through_the_previous_schema(engine)
    older = laptop.token
    laptop.pair(tenants, workspace_id)
    assert laptop.call(token=older).status_code == 401
    assert laptop.call().status_code == 200


def test_one_that_never_called_and_one_that_left_are_as_they_were(
    laptop: Machine, client: TestClient, tenants: Tenants, workspace_id: str, engine: Engine
) -> None:
    waiting, left = laptop, Machine(client, {**GREETING, "hostname": "left.local", "fingerprint": "f" * 32})
    waiting.pair(tenants, workspace_id)
    left.pair(tenants, workspace_id)
    assert left.call("DELETE", "/v1/daemon/disconnect").status_code == 204
    through_the_previous_schema(engine)
    assert [hostname for _, _, hostname, _ in noted(engine)] == ["\u00c9mile.local"]
    assert left.call().status_code == 401
    assert waiting.call().status_code == 200


def test_two_live_tokens_of_a_device_count_as_the_machine_it_was_last_paired_as(
    laptop: Machine, copy: Machine, tenants: Tenants, workspace_id: str, engine: Engine, clock: FixedClock
) -> None:
    laptop.pair(tenants, workspace_id)
    first_us = int(clock.now().timestamp() * 1_000_000)
    clock.advance(timedelta(minutes=5))
    copy.pair(tenants, workspace_id)
    through_the_previous_schema(engine)
    assert [hostname for _, _, hostname, _ in noted(engine)] == ["second.local"]
    with reading(engine) as session:
        (row,) = session.scalars(select(DeviceInstance)).all()
        assert session.scalars(select(SyncToken.instance)).all() == [row.instance] * 2
    assert row.first_seen_at_us == first_us
    assert sends(laptop, "first").status_code == sends(copy, "second").status_code == 200


def test_a_pairing_too_long_ago_leaves_no_address(
    laptop: Machine, tenants: Tenants, workspace_id: str, engine: Engine
) -> None:
    laptop.pair(tenants, workspace_id)
    with engine.begin() as connection:  # pairings that ended are swept after a day
        connection.execute(text("DELETE FROM pairing_sessions"))
    through_the_previous_schema(engine)
    assert [(hostname, address) for _, _, hostname, address in noted(engine)] == [("\u00c9mile.local", "")]
