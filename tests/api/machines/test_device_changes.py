"""Renaming and revoking devices, as JSON and on pages; who may, and what a hostile machine may call itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select
from starlette.testclient import TestClient

from api.db.models import AuditRecord, Device, Membership, Role, Workspace
from api.db.session import reading, transaction
from pipelines.lake.clock import FixedClock, to_micros
from tests.api.conftest import GREETING, Browser, Machine, People, Tenants
from tests.conftest import on_sqlite

HOSTILE = "<script>alert(1)</script>\"'&\u202egnp.exe\u2066{{ 7*7 }}"


@pytest.fixture
def admin(people: People, workspace_id: str) -> Browser:
    return people.member(workspace_id, "admin@acme.co", Role.ADMIN)


@pytest.fixture
def device_id(machine: Machine, tenants: Tenants, workspace_id: str) -> str:
    return machine.pair(tenants, workspace_id)


def test_an_admin_renames_a_device_and_brings_its_own_name_back(admin: Browser, device_id: str, engine: Engine) -> None:
    path = f"/v1/acme-co/devices/{device_id}"
    renamed = admin.json("PATCH", path, {"name": "  Vikrant's MBP "})
    assert renamed.status_code == 200, renamed.text
    assert renamed.json() == {
        "device_id": device_id, "name": "Vikrant's MBP", "hostname": "vk.local", "state": "NOT-CONFIGURED",
        "revoked_at": None,
    }  # fmt: skip
    assert admin.json("PATCH", path, {"name": ""}).json()["name"] == "vk.local"
    assert admin.json("PATCH", path, {"name": ""}).json()["name"] == "vk.local", "nothing changes, nothing is recorded"
    with reading(engine) as session:
        query = select(AuditRecord.actor_id, AuditRecord.details).where(AuditRecord.event == "device.renamed")
        recorded = session.execute(query.order_by(AuditRecord.position)).all()
    assert [tuple(one) for one in recorded] == [
        ("admin@acme.co", '{"before":null,"hostname":"vk.local","name":"Vikrant\'s MBP"}'),
        ("admin@acme.co", '{"before":"Vikrant\'s MBP","hostname":"vk.local","name":null}'),
    ]


@on_sqlite
def test_the_list_shows_what_the_documentation_names(
    people: People, workspace_id: str, machine: Machine, device_id: str, engine: Engine, clock: FixedClock
) -> None:
    member = people.member(workspace_id, "m@acme.co")
    path = "/acme-co/settings/devices"
    assert "NOT-CONFIGURED" in row_of(member.get(path).text, device_id)
    assert machine.call().status_code == 200
    with transaction(engine) as session:
        session.get_one(Device, device_id).last_batch_at_us = to_micros(clock.now())
    clock.advance(timedelta(minutes=7))
    for told in ("vk.local", device_id, "ACTIVE", "7 minutes ago", "2026-07-01T12:00:00Z", "0.6.4"):
        assert told in row_of(member.get(path).text, device_id), told


def row_of(page: str, device_id: str) -> str:
    """The device's row of the table."""
    (row,) = [row for row in page.partition("<tbody>")[2].partition("</tbody>")[0].split("</tr>") if device_id in row]
    return row


def test_revoking_ends_the_token_at_the_very_next_call(admin: Browser, machine: Machine, device_id: str) -> None:
    assert machine.call().status_code == 200
    revoked = admin.json("POST", f"/v1/acme-co/devices/{device_id}/revoke")
    assert (revoked.status_code, revoked.json()["state"]) == (200, "PAUSED")
    refused = machine.call()
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "token_revoked")


@on_sqlite
@pytest.mark.parametrize("body", [{}, {"name": "x", "workspace_id": "y"}, {"name": 1}, {"name": "a\u202eb"}, []])
def test_other_messages_are_refused(body: object, admin: Browser, device_id: str) -> None:
    assert admin.json("PATCH", f"/v1/acme-co/devices/{device_id}", body).status_code == 422


@on_sqlite
def test_members_look_and_change_nothing(people: People, workspace_id: str, device_id: str) -> None:
    member = people.member(workspace_id, "m@acme.co")
    assert member.json("PATCH", f"/v1/acme-co/devices/{device_id}", {"name": "x"}).status_code == 403
    assert member.json("POST", f"/v1/acme-co/devices/{device_id}/revoke").status_code == 403
    assert member.post_form(f"/acme-co/settings/devices/{device_id}/revoke").status_code == 403
    listed = member.get("/acme-co/settings/devices")
    assert listed.status_code == 200
    assert "vk.local" in listed.text
    assert "/revoke" not in listed.text
    assert "/revoke" not in member.get(f"/acme-co/settings/devices/{device_id}").text


@on_sqlite
def test_a_device_of_another_workspace_is_an_absent_one(
    people: People, tenants: Tenants, workspace_id: str, device_id: str
) -> None:
    other = people.member(tenants.workspace("Other"), "o@other.co", Role.OWNER)
    answers = set()
    for wanted in (device_id, "00000000-0000-4000-8000-000000000000"):
        found = [
            other.json("PATCH", f"/v1/other/devices/{wanted}", {"name": "x"}),
            other.json("POST", f"/v1/other/devices/{wanted}/revoke"),
            other.get(f"/other/settings/devices/{wanted}"),
            other.get(f"/other/settings/devices/{wanted}/revoke"),
            other.post_form(f"/other/settings/devices/{wanted}/revoke"),
        ]
        answers.add(tuple((one.status_code, one.text) for one in found))
    assert len(answers) == 1
    assert {status for status, _ in next(iter(answers))} == {404}


@on_sqlite
def test_the_pages_rename_and_revoke(admin: Browser, machine: Machine, device_id: str) -> None:
    base = f"/acme-co/settings/devices/{device_id}"
    bad = admin.post_form(f"{base}/rename", {"name": "tab\there"})
    assert bad.status_code == 422
    assert 'aria-invalid="true"' in bad.text
    done = admin.post_form(f"{base}/rename", {"name": "Build server"})
    assert (done.status_code, done.headers["location"]) == (303, "/acme-co/settings/devices?done=renamed")
    listed = admin.get(done.headers["location"])
    assert "The machine was renamed." in listed.text
    assert "Build server" in listed.text
    asked = admin.get(f"{base}/revoke")
    assert "Revoke <bdi>Build server</bdi>?" in asked.text
    assert machine.call().status_code == 200, "looking revokes nothing"
    assert admin.post_form(f"{base}/revoke").headers["location"].endswith("?done=revoked")
    assert machine.call().status_code == 401
    after = admin.get("/acme-co/settings/devices?done=<b>").text
    assert "revoked" in after
    assert "/revoke" not in after


@on_sqlite
def test_forms_without_our_token_or_with_more_fields_do_nothing(
    admin: Browser, machine: Machine, device_id: str
) -> None:
    path = f"/acme-co/settings/devices/{device_id}/revoke"
    assert admin.post_form(path, {"form_token": "x"}).status_code == 403
    assert admin.post_form(path, headers={"Origin": "https://evil.example"}).status_code == 403
    assert admin.post_form(path, {"workspace_id": "x"}).status_code == 422
    assert machine.call().status_code == 200


@on_sqlite
def test_a_hostile_host_name_is_inert_wherever_it_is_shown(
    client: TestClient, admin: Browser, tenants: Tenants, workspace_id: str, engine: Engine
) -> None:
    greeting = {**GREETING, "hostname": HOSTILE, "platform": '"><img src=x onerror=1>', "daemon_version": "<i>\u202e"}
    device = Machine(client, greeting).pair(tenants, workspace_id)
    with transaction(engine) as session:  # and one of the days before names were cleaned
        session.get_one(Device, device).hostname = HOSTILE
    for path in ("", f"/{device}", f"/{device}/revoke"):
        page = admin.get(f"/acme-co/settings/devices{path}")
        assert page.status_code == 200
        for danger in ("<script", "<img src=x", "<i>", ">49"):
            assert danger not in page.text
        name = page.text.partition("<h1><bdi>")[2].partition("</bdi>")[0]
        assert "\u202e" not in name


@on_sqlite
def test_without_machines_the_page_tells_the_next_step(admin: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALTON_PUBLIC_URL", "https://meter.acme.example/")
    page = admin.get("/acme-co/settings/devices").text
    assert "No machine is paired yet" in page
    assert "halton-meter cloud connect --base-url https://meter.acme.example</code>" in page


@on_sqlite
def test_there_is_no_limit_of_devices_on_the_smallest_plan(
    client: TestClient, tenants: Tenants, people: People
) -> None:
    from api.db.models import Plan

    solo = tenants.workspace("Solo", Plan.SOLO)
    paired = [Machine(client, {**GREETING, "hostname": f"host-{number}"}) for number in range(15)]
    for machine in paired:
        machine.pair(tenants, solo)
    assert {machine.call().status_code for machine in paired} == {200}
    assert "15 paired machines" in people.member(solo, "vk@acme.co", Role.OWNER).get("/solo/settings/devices").text


@on_sqlite
def test_two_instances_are_named(client: TestClient, admin: Browser, tenants: Tenants, workspace_id: str) -> None:
    for hostname in ("first.local", "second.local"):
        device = Machine(client, {**GREETING, "hostname": hostname, "fingerprint": "f" * 32}).pair(
            tenants, workspace_id
        )
    assert "2 instances" in admin.get("/acme-co/settings/devices").text
    shown = admin.get(f"/acme-co/settings/devices/{device}").text
    assert "<bdi>first.local</bdi>" in shown
    assert "All of them lose access" in admin.get(f"/acme-co/settings/devices/{device}/revoke").text
    key = tenants.api_key(workspace_id)
    listed = client.get("/v1/acme-co/devices", headers={"Authorization": f"Bearer {key}"}).json()["devices"]
    assert [one["instances"] for one in listed] == [2]


@on_sqlite
def test_removing_a_member_leaves_the_machine_they_paired(
    people: People, machine: Machine, workspace_id: str, engine: Engine
) -> None:
    member = people.member(workspace_id, "leaver@acme.co")
    machine.start()
    assert member.json("POST", "/v1/acme-co/pairings/approve", {"code": machine.code}).status_code == 200
    machine.token = machine.poll()["api_key"]
    with transaction(engine) as session:
        session.delete(session.get_one(Membership, (workspace_id, member.user_id)))
    assert machine.call().status_code == 200
    assert member.json("POST", "/v1/acme-co/pairings/approve", {"code": machine.code}).status_code == 404


@on_sqlite
def test_in_a_read_only_workspace_access_can_be_taken_but_names_stay(
    admin: Browser, device_id: str, engine: Engine, workspace_id: str, clock: FixedClock
) -> None:
    with transaction(engine) as session:
        session.get_one(Workspace, workspace_id).deletion_requested_at_us = to_micros(clock.now())
    clock.advance(timedelta(minutes=1))
    refused = admin.json("PATCH", f"/v1/acme-co/devices/{device_id}", {"name": "x"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "workspace_read_only")
    assert "/rename" not in admin.get(f"/acme-co/settings/devices/{device_id}").text
    assert admin.json("POST", f"/v1/acme-co/devices/{device_id}/revoke").status_code == 200
