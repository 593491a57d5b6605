"""Connections by JSON: keys go in and never out; a trial reads yesterday once and writes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, select
from starlette.testclient import TestClient

from api.db.models import AuditRecord, Role
from api.db.session import reading
from pipelines.billing.connections import Reach
from pipelines.billing.credentials import CredentialVault
from pipelines.lake.bills import bill_connections, bill_periods
from pipelines.lake.paths import Home
from tests.api.bills.test_statements import admin, events
from tests.api.conftest import Browser, People
from tests.billing_fakes.ledger import ADMIN_KEY, Fake, seeded
from tests.billing_fakes.openai import KINDS, openai_app
from tests.conftest import on_sqlite

OTHER_KEY = "sk-another-admin-key-0123456789"
NEW: dict[str, Any] = {"kind": "openai_costs", "name": "OpenAI", "start_day": "2026-06-01", "key": ADMIN_KEY}
PATH = "/v1/acme-co/bills/connections"


def answering(app: Any) -> Callable[[], httpx.BaseTransport]:
    """Return a way to reach a fake without a network."""
    client = TestClient(app)

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        found = client.request(request.method, path, headers=dict(request.headers), content=request.read())
        return httpx.Response(found.status_code, headers=dict(found.headers), content=found.content)

    return lambda: httpx.MockTransport(answer)


def connect(browser: Browser, **changes: Any) -> Any:
    return browser.json("POST", PATH, {**NEW, **changes})


def test_a_connection_is_made_shown_without_its_key_rotated_and_ended(
    engine: Engine, home: Home, workspace_id: str, people: People, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    browser = admin(people, workspace_id)
    made = connect(browser)
    assert made.status_code == 200, made.text
    connection_id = made.json()["id"]
    rotated = browser.json("POST", f"{PATH}/{connection_id}/rotate", {"key": OTHER_KEY})
    assert rotated.status_code == 200
    with reading(engine) as session:
        sealed = session.execute(select(bill_connections.c.sealed_credential)).scalar_one()
        stored = str(session.execute(select(bill_connections)).all()) + str(
            [one.details for one in session.scalars(select(AuditRecord))]
        )
    assert CredentialVault(home).open(connection_id, sealed) == OTHER_KEY
    listed = browser.client.get(PATH)
    assert listed.json()["connections"][0]["has_key"] is True
    ended = browser.json("DELETE", f"{PATH}/{connection_id}")
    assert (ended.json()["has_key"], ended.json()["ended_at"] is None) == (False, False)
    for told in (made.text, rotated.text, listed.text, ended.text, stored, caplog.text):
        assert ADMIN_KEY not in told
        assert OTHER_KEY not in told
    assert browser.json("DELETE", f"{PATH}/{connection_id}").status_code == 404
    assert browser.json("POST", f"{PATH}/{connection_id}/rotate", {"key": OTHER_KEY}).status_code == 404
    names = [name for name, _ in events(engine, workspace_id, "bill_connection")]
    assert names == ["bill_connection.added", "bill_connection.key_replaced", "bill_connection.removed"]


@on_sqlite
def test_a_trial_reads_yesterday_and_writes_nothing(app: FastAPI, engine: Engine, workspace_id: str, people: People):
    ledger = seeded(date(2026, 6, 20), 12, kinds=KINDS)
    app.state.bill_reach = Reach(transport=answering(openai_app(Fake(ledger))))
    browser = admin(people, workspace_id)
    connection_id = connect(browser).json()["id"]
    told = browser.json("POST", f"{PATH}/{connection_id}/test").json()
    assert (told["day"], told["works"], told["error"]) == ("2026-06-30", True, None)
    assert told["lines"] > 0
    with reading(engine) as session:
        assert session.execute(select(bill_periods.c.id)).all() == []
        assert session.execute(select(bill_connections.c.last_attempt_at_us)).scalar_one() is None
    browser.json("POST", f"{PATH}/{connection_id}/rotate", {"key": OTHER_KEY})
    told = browser.json("POST", f"{PATH}/{connection_id}/test").json()
    assert (told["works"], told["lines"]) == (False, None)
    assert "401" in told["error"]
    assert OTHER_KEY not in str(told)


@on_sqlite
def test_a_trial_waits_for_no_provider_and_survives_a_broken_one(
    app: FastAPI, workspace_id: str, people: People, caplog: pytest.LogCaptureFixture
):
    browser = admin(people, workspace_id)
    connection_id = connect(browser).json()["id"]

    def busy(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(429, headers={"Retry-After": "60"})

    def broken(request: httpx.Request) -> httpx.Response:
        raise RuntimeError(str(request.headers))

    for handler, word in ((busy, "did not answer at once"), (broken, "unexpectedly")):
        app.state.bill_reach = Reach(transport=lambda handler=handler: httpx.MockTransport(handler))
        answer = browser.json("POST", f"{PATH}/{connection_id}/test")
        assert answer.json()["works"] is False
        assert word in answer.json()["error"]
    assert ADMIN_KEY not in caplog.text


@on_sqlite
def test_what_reaches_into_the_server_is_the_operators(workspace_id: str, people: People):
    browser = admin(people, workspace_id)
    for changes in (
        {"kind": "gemini_export"}, {"kind": "manual"}, {"folder": "/etc"}, {"base_url": "https://10.0.0.1"},
        {"settings": {}}, {"key": "short"}, {"key": "with blank in it"}, {"name": ""}, {"name": "a\u202eb"},
        {"start_day": "2019-12-31"}, {"lookback_days": 0}, {"kind": "xai_usage"}, {"team": "65c1e471"},
    ):  # fmt: skip
        answer = connect(browser, **changes)
        assert answer.status_code == 422, (changes, answer.text)
        assert ADMIN_KEY not in answer.text
    assert browser.client.get(PATH).json()["connections"] == []


@on_sqlite
def test_members_look_and_change_nothing(workspace_id: str, people: People):
    browser = people.member(workspace_id, "member@acme.co", Role.MEMBER)
    assert browser.client.get(PATH).status_code == 200
    assert connect(browser).status_code == 403
