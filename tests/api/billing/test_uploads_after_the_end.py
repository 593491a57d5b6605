"""Uploads after a subscription ended: nothing is acknowledged, so that daemons keep it and send it again."""

from __future__ import annotations

from uuid import uuid4

from starlette.testclient import TestClient

from pipelines.lake.clock import FixedClock
from tests.api.conftest import Machine, Tenants
from tests.api.members.conftest import Club
from tests.conftest import on_sqlite


@on_sqlite
def test_a_machine_keeps_its_rows_until_the_subscription_goes_on(
    club: Club, clock: FixedClock, client: TestClient
) -> None:
    machine = Machine(client)
    machine.start()
    club.owner.json("POST", "/v1/acme-co/plan/cancel")
    Tenants(club.engine, clock).approve(machine.code, club.id)
    machine.token = machine.poll()["api_key"]
    batch = {"batch_id": str(uuid4()), "records": []}
    bearer = {"Authorization": f"Bearer {machine.token}"}
    before = client.post("/v1/requests/batch", json=batch, headers=bearer)
    club.days_pass(clock, 31)
    for path in ("/v1/requests/batch", f"/v1/requests/{uuid4()}/body"):
        refused = client.post(path, json=batch, headers=bearer)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "subscription_ended")
        assert int(refused.headers["Retry-After"]) > 0
    assert machine.call().status_code == 200, "the token lives: a 401 or 403 would stop the daemon for good"
    club.owner.json("POST", "/v1/acme-co/plan/resume")
    after = client.post("/v1/requests/batch", json=batch, headers=bearer)
    assert after.status_code == before.status_code
    assert after.status_code not in (401, 403, 503)
