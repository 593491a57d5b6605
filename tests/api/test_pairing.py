"""Pairing over HTTP, as daemons in the field speak it."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select

from api.audit import OPERATOR
from api.db.models import Device, PairingSession, SyncToken
from api.db.session import reading, transaction
from api.devices import revoke_device
from api.errors import Refused
from api.pairing.codes import ALPHABET
from api.pairing.sessions import deny_pairing, poll_pairing
from daemon.wire.pairing import PairingPoll
from pipelines.lake.clock import FixedClock
from tests.api.conftest import GREETING, Machine, Tenants
from tests.conftest import on_sqlite


def test_a_machine_pairs_and_its_token_opens_the_workspace(
    machine: Machine, tenants: Tenants, workspace_id: str
) -> None:
    started = machine.start().json()
    assert re.fullmatch(rf"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", started["pairing_code"])
    assert started["pairing_url"].endswith(f"/connect?code={machine.code}")
    assert started["expires_at"] == "2026-07-01T12:10:00Z"
    assert machine.poll() == {"status": "pending"}

    machine_id = tenants.approve(machine.code, workspace_id)
    approved = machine.poll()

    machine.token = approved.pop("api_key")
    assert approved == {
        "status": "approved",
        "workspace_id": workspace_id,
        "workspace_name": "Acme Co",
        "machine_id": machine_id,
        "approved_by": "operator",
    }
    whoami = machine.call()
    assert whoami.status_code == 200
    assert whoami.json() == {
        "workspace_name": "Acme Co",
        "workspace_id": workspace_id,
        "machine_id": machine_id,
        "hostname": "vk.local",
        "daemon_version": "0.6.4",
        "connected_at": "2026-07-01T12:00:00Z",
        "state": "ACTIVE",
    }


def test_a_lost_answer_is_given_again_until_the_first_authenticated_call(
    machine: Machine, tenants: Tenants, workspace_id: str, engine: Engine
) -> None:
    machine.pair(tenants, workspace_id)
    assert machine.poll()["api_key"] == machine.token
    assert machine.poll()["api_key"] == machine.token

    machine.call()

    assert machine.poll() == {"status": "consumed"}
    with reading(engine) as session:
        assert session.scalars(select(PairingSession.sealed_token)).all() == [None]
        assert session.scalar(select(func.count()).select_from(SyncToken)) == 1


def test_polls_at_once_are_all_given_the_one_token(
    machine: Machine, tenants: Tenants, workspace_id: str, engine: Engine, clock: FixedClock
) -> None:
    machine.start()
    tenants.approve(machine.code, workspace_id)
    ask = PairingPoll(pairing_code=machine.code, poll_token=machine.poll_token)
    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(lambda _: poll_pairing(engine, ask, clock), range(16)))
    assert len({state.api_key for state in states}) == 1
    assert {state.status for state in states} == {"approved"}
    with reading(engine) as session:
        assert session.scalar(select(func.count()).select_from(SyncToken)) == 1


def test_one_code_approved_at_once_by_many_pairs_once(
    machine: Machine, tenants: Tenants, workspace_id: str, engine: Engine
) -> None:
    machine.start()

    def approve(_number: int) -> str | None:
        try:
            return tenants.approve(machine.code, workspace_id)
        except Refused:
            return None

    with ThreadPoolExecutor(8) as pool:
        approved = [machine_id for machine_id in pool.map(approve, range(16)) if machine_id]
    assert len(approved) == 1
    with reading(engine) as session:
        assert session.scalar(select(func.count()).select_from(Device)) == 1


def test_no_secret_stands_in_the_database(
    machine: Machine, tenants: Tenants, workspace_id: str, engine: Engine
) -> None:
    machine.pair(tenants, workspace_id)
    secrets = [machine.token, machine.token[8:38], machine.poll_token, machine.code, machine.code.replace("-", "")]
    with reading(engine) as session:
        for row in (*session.scalars(select(PairingSession)), *session.scalars(select(SyncToken))):
            kept = b"\n".join(
                value if isinstance(value, bytes) else str(value).encode()
                for column in row.__table__.columns
                if (value := getattr(row, column.key)) is not None
            )
            assert not [secret for secret in secrets if secret.encode() in kept]


def test_a_code_expires_after_ten_minutes(
    machine: Machine, tenants: Tenants, workspace_id: str, clock: FixedClock
) -> None:
    machine.start()
    clock.advance(timedelta(minutes=9, seconds=59))
    assert machine.poll() == {"status": "pending"}
    clock.advance(timedelta(seconds=1))
    assert machine.poll() == {"status": "expired"}
    with pytest.raises(Refused, match="Code not found"):
        tenants.approve(machine.code, workspace_id)


def test_an_approval_nobody_collects_expires(
    machine: Machine, tenants: Tenants, workspace_id: str, clock: FixedClock
) -> None:
    machine.start()
    clock.advance(timedelta(minutes=9))
    tenants.approve(machine.code, workspace_id)
    clock.advance(timedelta(minutes=10))
    assert machine.poll() == {"status": "expired"}


def test_a_collected_token_is_no_longer_repeated_after_the_window(
    machine: Machine, tenants: Tenants, workspace_id: str, clock: FixedClock, engine: Engine
) -> None:
    machine.pair(tenants, workspace_id)
    clock.advance(timedelta(minutes=11))
    assert machine.poll() == {"status": "consumed"}
    Machine(machine.client).start()  # sweeps
    with reading(engine) as session:
        assert session.scalars(select(PairingSession.sealed_token)).all() == [None, None]
    assert machine.call().status_code == 200, "the token itself goes on working"


def test_ended_pairings_are_forgotten_after_a_day(machine: Machine, clock: FixedClock, engine: Engine) -> None:
    machine.start()
    clock.advance(timedelta(days=1, minutes=11))
    Machine(machine.client).start()
    with reading(engine) as session:
        assert session.scalar(select(func.count()).select_from(PairingSession)) == 1


def test_a_denied_machine_is_told_so(machine: Machine, workspace_id: str, engine: Engine, clock: FixedClock) -> None:
    machine.start()
    with transaction(engine) as session:
        deny_pairing(session, machine.code, workspace_id, approver=OPERATOR, at=clock.now())
    assert machine.poll() == {"status": "denied"}


@on_sqlite
@pytest.mark.parametrize("shown", ["{code}", " {lower} ", "{plain}", "{spaced}"])
def test_the_approval_ignores_case_spaces_and_dashes(
    shown: str, machine: Machine, tenants: Tenants, workspace_id: str
) -> None:
    machine.start()
    plain = machine.code.replace("-", "")
    typed = shown.format(code=machine.code, lower=machine.code.lower(), plain=plain, spaced=" ".join(plain.lower()))
    tenants.approve(typed, workspace_id)
    assert machine.poll()["status"] == "approved"


def test_a_code_burns_after_five_wrong_tries(
    machine: Machine, tenants: Tenants, workspace_id: str, engine: Engine
) -> None:
    machine.start()
    bystander = Machine(machine.client)
    bystander.start()
    last = machine.code[-1]
    wrong = [machine.code[:-1] + letter for letter in ALPHABET if letter != last]
    for guess in wrong[:5]:
        with pytest.raises(Refused, match="Code not found"):
            tenants.approve(guess, workspace_id)

    assert machine.poll() == {"status": "expired"}
    with pytest.raises(Refused, match="Code not found"):
        tenants.approve(machine.code, workspace_id)
    assert bystander.poll() == {"status": "pending"}, "a guess at one code does not burn another"


def test_four_wrong_tries_do_not_burn_a_code(machine: Machine, tenants: Tenants, workspace_id: str) -> None:
    machine.start()
    for letter in [letter for letter in ALPHABET if letter != machine.code[-1]][:4]:
        with pytest.raises(Refused):
            tenants.approve(machine.code[:-1] + letter, workspace_id)
    tenants.approve(machine.code, workspace_id)
    assert machine.poll()["status"] == "approved"


def test_a_code_is_approved_once(machine: Machine, tenants: Tenants, workspace_id: str) -> None:
    machine.start()
    tenants.approve(machine.code, workspace_id)
    with pytest.raises(Refused, match="Code not found"):
        tenants.approve(machine.code, workspace_id)
    with pytest.raises(Refused, match="Code not found"):
        tenants.approve(machine.code, tenants.workspace("Other"))


def test_another_poll_token_or_code_learns_nothing(machine: Machine, tenants: Tenants, workspace_id: str) -> None:
    machine.start()
    other = Machine(machine.client)
    other.start()
    tenants.approve(machine.code, workspace_id)
    assert machine.poll(poll_token=other.poll_token) == {"status": "expired"}
    assert machine.poll(pairing_code=other.code) == {"status": "expired"}
    assert machine.poll(poll_token="x" * 43) == {"status": "expired"}
    assert machine.poll(pairing_code="not a code") == {"status": "expired"}
    assert machine.poll()["status"] == "approved"


def test_pairing_again_with_the_same_fingerprint_keeps_the_device_and_kills_the_older_token(
    machine: Machine, tenants: Tenants, workspace_id: str, engine: Engine
) -> None:
    machine.greeting["fingerprint"] = "0123456789abcdef" * 2
    first_id = machine.pair(tenants, workspace_id)
    first_token = machine.token
    assert machine.call().status_code == 200

    again = Machine(machine.client, {**machine.greeting, "hostname": "VK.local", "daemon_version": "0.7.0"})
    again.start()
    assert tenants.approve(again.code, workspace_id) == first_id
    assert machine.call().status_code == 200, "the older token lives until the new one is collected"
    again.token = again.poll()["api_key"]

    refused = machine.call(token=first_token)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "token_revoked")
    whoami = again.call().json()
    assert (whoami["hostname"], whoami["daemon_version"], whoami["state"]) == ("VK.local", "0.7.0", "ACTIVE")
    with reading(engine) as session:
        reasons = session.scalars(select(SyncToken.revoked_reason).order_by(SyncToken.created_at_us)).all()
        assert sorted(reasons, key=str) == [None, "repaired"]
        assert session.scalar(select(func.count()).select_from(Device)) == 1


def test_without_a_fingerprint_or_in_another_workspace_it_is_a_new_device(
    machine: Machine, tenants: Tenants, workspace_id: str
) -> None:
    other_workspace = tenants.workspace("Other")
    fingerprint = {"fingerprint": "f" * 32}
    pairings = [({}, workspace_id), ({}, workspace_id), (fingerprint, workspace_id), (fingerprint, other_workspace)]
    machines = [Machine(machine.client, {**GREETING, **extra}) for extra, _ in pairings]
    ids = [one.pair(tenants, where) for one, (_, where) in zip(machines, pairings, strict=True)]
    assert len(set(ids)) == 4
    assert [one.call().status_code for one in machines] == [200] * 4


def test_a_revoked_machine_may_be_let_in_again(
    machine: Machine, tenants: Tenants, workspace_id: str, engine: Engine, clock: FixedClock
) -> None:
    machine.greeting["fingerprint"] = "a" * 32
    machine_id = machine.pair(tenants, workspace_id)
    with transaction(engine) as session:
        revoke_device(session, workspace_id, machine_id, actor=OPERATOR, at=clock.now())
    assert machine.call().status_code == 401
    assert machine.pair(tenants, workspace_id) == machine_id
    assert machine.call().json()["state"] == "ACTIVE"


def test_revoking_a_device_ends_an_approval_not_collected_yet(
    machine: Machine, tenants: Tenants, workspace_id: str, engine: Engine, clock: FixedClock
) -> None:
    machine.start()
    machine_id = tenants.approve(machine.code, workspace_id)
    with transaction(engine) as session:
        revoke_device(session, workspace_id, machine_id, actor=OPERATOR, at=clock.now())
    assert machine.poll() == {"status": "consumed"}


@pytest.mark.parametrize("path", ["/v1/daemon/disconnect", "/v1/pairing/revoke"])
def test_a_machine_leaves_by_either_path(path: str, machine: Machine, tenants: Tenants, workspace_id: str) -> None:
    machine.pair(tenants, workspace_id)
    left = machine.call("DELETE" if path.endswith("disconnect") else "POST", path)
    assert (left.status_code, left.content) == (204, b"")
    after = machine.call()
    assert (after.status_code, after.json()["error"]["code"]) == (401, "token_revoked")
