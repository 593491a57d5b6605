"""The pairing calls themselves: long polls, limits, URLs, hostile messages."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from api.audit import OPERATOR
from api.db.session import transaction
from api.errors import Refused
from api.pairing.codes import read_code
from api.pairing.sessions import approve_pairing
from pipelines.lake.clock import FixedClock
from tests.api.conftest import GREETING, Machine, Tenants
from tests.conftest import on_sqlite


@on_sqlite
def test_a_long_poll_ends_when_its_time_is_up(machine: Machine) -> None:
    machine.start()
    before = time.monotonic()
    assert machine.poll(wait_seconds=0.6) == {"status": "pending"}
    assert 0.6 <= time.monotonic() - before < 20


def test_a_long_poll_answers_at_once_when_there_is_news(machine: Machine, tenants: Tenants, workspace_id: str) -> None:
    machine.start()
    tenants.approve(machine.code, workspace_id)
    before = time.monotonic()
    assert machine.poll(wait_seconds=25)["status"] == "approved"
    assert time.monotonic() - before < 20


@on_sqlite
def test_starting_is_limited_per_address_and_says_when_to_come_back(client: TestClient, clock: FixedClock) -> None:
    answers = [client.post("/v1/pairing/start", json=GREETING) for _ in range(31)]
    assert [answer.status_code for answer in answers] == [200] * 30 + [429]
    assert answers[-1].json()["error"]["code"] == "rate_limited"
    wait = int(answers[-1].headers["Retry-After"])
    assert 1 <= wait <= 60
    clock.advance(timedelta(seconds=wait))
    assert client.post("/v1/pairing/start", json=GREETING).status_code == 200


@on_sqlite
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe{}",
        b'{"hostname": 1, "daemon_version": "1", "platform": "Linux"}',
        b'{"hostname": "h"}',
        b'{"hostname": "a\\u0000b", "daemon_version": "1", "platform": "Linux"}',
        b'{"hostname": "\\ud800", "daemon_version": "1", "platform": "Linux"}',
        b'{"hostname": "' + b"h" * 256 + b'", "daemon_version": "1", "platform": "Linux"}',
        b'{"x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b'{"x": "' + b"x" * 70_000 + b'"}',
    ],
)
def test_a_hostile_start_is_refused_plainly(body: bytes, client: TestClient) -> None:
    answer = client.post("/v1/pairing/start", content=body)
    assert answer.status_code in {400, 413, 422}
    error = answer.json()["error"]
    assert set(error) == {"code", "message"}
    assert len(error["message"]) < 200


@on_sqlite
def test_keys_of_later_daemons_are_ignored(client: TestClient) -> None:
    assert client.post("/v1/pairing/start", json={**GREETING, "later": {"x": 1}}).status_code == 200


@on_sqlite
def test_the_workspace_named_on_the_command_line_is_preselected(client: TestClient) -> None:
    started = client.post("/v1/pairing/start", json={**GREETING, "workspace": "acme co&x=1"}).json()
    assert started["pairing_url"].endswith(f"?code={started['pairing_code']}&workspace=acme+co%26x%3D1")


@on_sqlite
def test_the_pairing_url_starts_with_the_public_one(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALTON_PUBLIC_URL", "https://meter.example.org/cloud/")
    started = client.post("/v1/pairing/start", json=GREETING).json()
    assert started["pairing_url"] == f"https://meter.example.org/cloud/connect?code={started['pairing_code']}"


@pytest.mark.parametrize("text", ["", "ABCD", "ABCD-EFG0", "ABCD-EFGI", "ABCD_EFGH", "ABCDEFGHJ", "ＡBCDEFGH"])  # noqa: RUF001
def test_what_is_no_code_is_not_read_as_one(text: str) -> None:
    assert read_code(text) is None


def test_a_workspace_that_does_not_exist_lets_nobody_in(machine: Machine, engine: Engine, clock: FixedClock) -> None:
    machine.start()
    with pytest.raises(Refused, match="No such workspace"), transaction(engine) as session:
        approve_pairing(
            session, machine.code, "00000000-0000-4000-8000-000000000000", approver=OPERATOR, at=clock.now()
        )
    assert machine.poll() == {"status": "pending"}
