"""Fixtures of the server's tests: a workspace, and machines that pair with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from api.api_keys import create_api_key
from api.audit import OPERATOR
from api.db.models import Plan
from api.db.session import transaction
from api.pairing.sessions import approve_pairing
from api.workspaces import create_workspace
from pipelines.lake.clock import FixedClock

GREETING = {"hostname": "vk.local", "daemon_version": "0.6.4", "platform": "Darwin"}


@dataclass
class Tenants:
    """Makes workspaces and keys in the test's database."""

    engine: Engine
    clock: FixedClock

    def workspace(self, name: str = "Acme Co", plan: Plan = Plan.TEAM) -> str:
        """Create a workspace and return its id."""
        with transaction(self.engine) as session:
            return create_workspace(
                session,
                name=name,
                owner_email="vk@acme.co",
                plan=plan,
                time_zone="UTC",
                actor=OPERATOR,
                at=self.clock.now(),
            ).id

    def api_key(self, workspace_id: str) -> str:
        with transaction(self.engine) as session:
            return create_api_key(session, workspace_id, name="tests", actor=OPERATOR, at=self.clock.now())

    def approve(self, code: str, workspace_id: str) -> str:
        """Approve a shown code and return the machine id."""
        with transaction(self.engine) as session:
            return approve_pairing(session, code, workspace_id, approver=OPERATOR, at=self.clock.now()).id


@pytest.fixture
def tenants(engine: Engine, clock: FixedClock) -> Tenants:
    return Tenants(engine, clock)


@pytest.fixture
def workspace_id(tenants: Tenants) -> str:
    return tenants.workspace()


@dataclass
class Machine:
    """A daemon in the middle of pairing."""

    client: TestClient
    greeting: dict[str, Any] = field(default_factory=lambda: dict(GREETING))
    code: str = ""
    poll_token: str = ""
    token: str = ""

    def start(self) -> Any:
        answer = self.client.post("/v1/pairing/start", json=self.greeting)
        assert answer.status_code == 200, answer.text
        self.code, self.poll_token = answer.json()["pairing_code"], answer.json()["poll_token"]
        return answer

    def poll(self, **changes: Any) -> dict[str, Any]:
        ask = {"pairing_code": self.code, "poll_token": self.poll_token, **changes}
        answer = self.client.post("/v1/pairing/poll", json=ask)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pair(self, tenants: Tenants, workspace_id: str) -> str:
        """Start, have it approved, collect the token; return the machine id."""
        self.start()
        machine_id = tenants.approve(self.code, workspace_id)
        self.token = self.poll()["api_key"]
        return machine_id

    def call(self, method: str = "GET", path: str = "/v1/daemon/whoami", token: str | None = None) -> Any:
        return self.client.request(method, path, headers={"Authorization": f"Bearer {token or self.token}"})


@pytest.fixture
def machine(client: TestClient) -> Machine:
    return Machine(client)
