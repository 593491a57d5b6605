"""Deleting a workspace and taking that back: who may, what stops at once, who is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, select
from starlette.testclient import TestClient

from api.audit import Actor, ActorType
from api.db.models import AuditRecord, OutboxMessage, Role
from api.db.session import reading, transaction
from api.errors import Refused
from api.members.acting import Acting
from api.members.letters import Letters
from api.workspaces.deletion import request_deletion, undo_deletion
from pipelines.lake.clock import FixedClock
from tests.api.conftest import Machine, People, Tenants
from tests.conftest import on_sqlite

PATH = "/v1/acme-co/deletion"


def mails(engine: Engine) -> list[tuple[str, str]]:
    with reading(engine) as session:
        query = select(OutboxMessage.recipient, OutboxMessage.subject).where(OutboxMessage.kind == "deletion")
        return sorted((row.recipient, row.subject) for row in session.execute(query))


def test_it_stops_daemons_and_changes_at_once_and_can_be_undone_for_thirty_days(
    engine: Engine, client: TestClient, machine: Machine, people: People, tenants: Tenants, clock: FixedClock
) -> None:
    workspace_id = tenants.workspace()
    machine.pair(tenants, workspace_id)
    assert machine.call().status_code == 200
    owner = people.member(workspace_id, "vk@acme.co", Role.OWNER)
    people.member(workspace_id, "second@acme.co", Role.OWNER)
    people.member(workspace_id, "m@acme.co")
    assert owner.json("GET", PATH).json() == {"requested_at": None, "purge_at": None, "final": False}
    asked = owner.json("POST", PATH, {"confirm": "acme-co"})
    assert asked.json() == {
        "requested_at": "2026-07-01T12:00:00Z", "purge_at": "2026-07-31T12:00:00Z", "final": False,
    }  # fmt: skip
    refused = machine.call()
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "workspace_deleted")
    assert owner.json("POST", PATH, {"confirm": "acme-co"}).json()["error"]["code"] == "deletion_requested"
    subject = 'The workspace "Acme Co" will be deleted on 31 July 2026, 12:00 UTC'
    assert mails(engine) == [("second@acme.co", subject), ("vk@acme.co", subject)]
    assert owner.get("/acme-co/settings/deletion").status_code == 200
    clock.advance(timedelta(days=30) - timedelta(seconds=1))
    owner = people.sign_in("vk@acme.co")
    assert owner.json("DELETE", PATH).json()["requested_at"] is None
    assert machine.call().status_code == 200
    assert len(mails(engine)) == 4
    assert owner.json("DELETE", PATH).json()["error"]["code"] == "deletion_not_requested"
    with reading(engine) as session:
        events = session.scalars(select(AuditRecord.event).order_by(AuditRecord.position)).all()
    assert events[-2:] == ["workspace.deletion_requested", "workspace.deletion_undone"]


@on_sqlite
def test_a_machine_that_was_approved_before_is_let_in_only_once_it_is_undone(
    machine: Machine, people: People, tenants: Tenants, workspace_id: str
) -> None:
    owner = people.member(workspace_id, "vk@acme.co", Role.OWNER)
    machine.start()
    tenants.approve(machine.code, workspace_id)
    owner.json("POST", PATH, {"confirm": "acme-co"})
    assert machine.poll() == {"status": "denied"}
    owner.json("DELETE", PATH)
    assert machine.poll()["status"] == "approved"


@on_sqlite
def test_after_thirty_days_it_is_final(engine: Engine, people: People, workspace_id: str, clock: FixedClock) -> None:
    owner = people.member(workspace_id, "vk@acme.co", Role.OWNER)
    owner.json("POST", PATH, {"confirm": "acme-co"})
    clock.advance(timedelta(days=30))
    owner = people.sign_in("vk@acme.co")
    assert owner.json("DELETE", PATH).json()["error"]["code"] == "deletion_final"
    assert "Undo the deletion" not in owner.get("/acme-co/settings/deletion").text.replace("undo the deletion", "")


def test_only_an_owner_deletes_and_only_by_typing_the_slug(engine: Engine, people: People, workspace_id: str) -> None:
    owner = people.member(workspace_id, "vk@acme.co", Role.OWNER)
    for role in (Role.ADMIN, Role.MEMBER):
        other = people.member(workspace_id, f"{role.value}@acme.co", role)
        assert other.json("POST", PATH, {"confirm": "acme-co"}).status_code == 403
        assert other.json("DELETE", PATH).status_code == 403
        assert other.json("GET", PATH).status_code == 200
        assert "Only an Owner can delete" in other.get("/acme-co/settings/deletion").text
    for typed in ("", "Acme-Co", "acme", "acme-co-2"):
        assert owner.json("POST", PATH, {"confirm": typed}).json()["error"]["code"] == "not_confirmed"
    assert owner.json("POST", PATH, {"confirm": "acme-co", "at": "now"}).status_code == 422
    assert people.sign_in("eve@example.net").json("POST", PATH, {"confirm": "acme-co"}).status_code == 404
    assert mails(engine) == []


@on_sqlite
def test_whoever_stopped_being_an_owner_meanwhile_neither_deletes_nor_undoes(
    app: FastAPI, engine: Engine, people: People, workspace_id: str, clock: FixedClock
) -> None:
    admin, owner = people.member(workspace_id, "a@acme.co", Role.ADMIN), people.sign_in("vk@acme.co")
    by = Acting(Actor(ActorType.USER, admin.email), admin.user_id)
    more = {"by": by, "letters": Letters(app.state.mail_seal, "https://testserver"), "at": clock.now()}
    with pytest.raises(Refused) as refusal, transaction(engine) as session:
        request_deletion(session, workspace_id, "acme-co", **more)
    assert refusal.value.code == "not_allowed"
    assert owner.json("POST", PATH, {"confirm": "acme-co"}).status_code == 200
    with pytest.raises(Refused) as refusal, transaction(engine) as session:
        undo_deletion(session, workspace_id, **more)
    assert refusal.value.code == "not_allowed"
    assert owner.json("GET", PATH).json()["requested_at"] is not None


@on_sqlite
def test_the_page_deletes_shows_when_and_undoes(engine: Engine, people: People, workspace_id: str) -> None:
    owner = people.member(workspace_id, "vk@acme.co", Role.OWNER)
    page = "/acme-co/settings/deletion"
    assert "To confirm, type acme-co" in owner.get(page).text
    refused = owner.post_form(page, {"confirm": "acme"})
    assert (refused.status_code, 'value="acme"' in refused.text) == (422, True)
    assert owner.post_form(page, {"confirm": " acme-co "}).headers["location"] == f"{page}?done=requested"
    shown = owner.get(f"{page}?done=requested").text
    assert "Every Owner gets an e-mail." in shown
    assert "31 July 2026" in shown
    assert owner.post_form(f"{page}/undo").headers["location"] == f"{page}?done=undone"
    assert "To confirm, type acme-co" in owner.get(page).text


def test_asked_for_by_two_at_once_it_is_asked_for_once(engine: Engine, people: People, workspace_id: str) -> None:
    owners = [people.member(workspace_id, f"o{number}@acme.co", Role.OWNER) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda owner: owner.json("POST", PATH, {"confirm": "acme-co"}).status_code, owners))
    assert sorted(answers) == [200, 409, 409, 409]
    with reading(engine) as session:
        events = select(AuditRecord.id).where(AuditRecord.event == "workspace.deletion_requested")
        assert len(session.scalars(events).all()) == 1
