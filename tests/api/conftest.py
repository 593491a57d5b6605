"""Fixtures of the server's tests: a workspace, and machines that pair with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.testclient import TestClient

from api.access.browser_sessions import BROWSER_COOKIE, SESSION_COOKIE, form_token, start_session
from api.access.same_site import FORM_FIELD, FORM_HEADER
from api.api_keys import create_api_key
from api.audit import OPERATOR
from api.db.models import Membership, Plan, Role
from api.db.session import transaction
from api.pairing.sessions import approve_pairing
from api.people import find_or_create_person
from api.workspaces import create_workspace
from pipelines.lake.clock import FixedClock, to_micros

BASE_URL = "https://testserver"
"""What browsers call: their cookies are `Secure`."""
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


@dataclass
class Browser:
    """A browser on its way through the server's pages, as a person or as nobody.

    Attributes:
        client: holds the cookies; redirects are not followed.
        email: of the person signed in; empty for nobody.
        user_id: theirs.
    """

    client: TestClient
    email: str = ""
    user_id: str = ""

    def get(self, path: str, **options: Any) -> Any:
        """Open a page."""
        return self.client.get(path, headers={"Accept": "text/html", **options.pop("headers", {})}, **options)

    def post_form(self, path: str, fields: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """Send a form of one of our own pages: with its token and Origin. `files=` makes it an upload."""
        headers = {"Accept": "text/html", "Origin": BASE_URL, **options.pop("headers", {})}
        data = {FORM_FIELD: self.form_token, **(fields or {})}
        return self.client.post(path, data=data, headers=headers, **options)

    def json(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Call a JSON route with the cookie, as a script of our own pages would."""
        headers = {"Origin": BASE_URL, FORM_HEADER: self.form_token, **options.pop("headers", {})}
        return self.client.request(method, path, json=body, headers=headers, **options)

    @property
    def form_token(self) -> str:
        """What this browser's forms carry; empty before its first page."""
        cookie = self.client.cookies.get(SESSION_COOKIE) or self.client.cookies.get(BROWSER_COOKIE)
        return form_token(cookie) if cookie else ""


@dataclass
class People:
    """Makes people and signs them in, each in a browser of their own."""

    app: FastAPI
    engine: Engine
    clock: FixedClock

    def nobody(self) -> Browser:
        """Return a browser that is signed in nowhere."""
        return Browser(TestClient(self.app, BASE_URL, raise_server_exceptions=False, follow_redirects=False))

    def sign_in(self, email: str) -> Browser:
        """Sign a person in who belongs to no workspace yet, or to those they were made a member of."""
        with transaction(self.engine) as session:
            user = find_or_create_person(session, email, self.clock.now())
            secret = start_session(
                session, user.id, method="test", user_agent="tests", address="testclient", at=self.clock.now()
            )
        browser = self.nobody()
        browser.client.cookies.set(SESSION_COOKIE, secret, domain="testserver.local", path="/")
        browser.email, browser.user_id = user.email, user.id
        return browser

    def member(self, workspace_id: str, email: str, role: Role = Role.MEMBER) -> Browser:
        """Make a person a member, without asking for a seat, and sign them in."""
        with transaction(self.engine) as session:
            user = find_or_create_person(session, email, self.clock.now())
            joined = to_micros(self.clock.now())
            session.merge(Membership(workspace_id=workspace_id, user_id=user.id, role=role.value, joined_at_us=joined))
        return self.sign_in(email)


@pytest.fixture
def people(app: FastAPI, engine: Engine, clock: FixedClock) -> People:
    return People(app, engine, clock)


@pytest.fixture
def browser(people: People) -> Browser:
    """A browser that is signed in nowhere."""
    return people.nobody()
