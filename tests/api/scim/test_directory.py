"""A company's directory adds and removes members by SCIM 2.0; other workspaces and plans first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from api.db.models import ApiKey, DirectoryMember, Plan, Role, User
from api.db.session import reading, transaction
from api.scim.resources import PATCH_SCHEMA, USER_SCHEMA
from pipelines.lake.clock import FixedClock, to_micros
from tests.api.conftest import Tenants
from tests.api.members.conftest import Club
from tests.conftest import on_sqlite

BASE = "/scim/v2/acme-co"


@dataclass
class Directory:
    """The club's directory with its key."""

    club: Club
    key: str
    key_id: str

    def call(self, method: str, path: str, body: Any = None, base: str = BASE) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        return self.club.people.nobody().client.request(method, base + path, json=body, headers=headers)

    def add(self, email: str, **more: Any) -> Any:
        return self.call("POST", "/Users", {"schemas": [USER_SCHEMA], "userName": email, **more})

    def patch(self, user_id: str, *operations: dict[str, Any]) -> Any:
        return self.call("PATCH", f"/Users/{user_id}", {"schemas": [PATCH_SCHEMA], "Operations": list(operations)})

    def found(self, text: str) -> list[str]:
        answer = self.call("GET", f"/Users?filter={text}").json()
        assert answer["totalResults"] == len(answer["Resources"])
        return [one["userName"] for one in answer["Resources"]]


@pytest.fixture
def plan() -> Plan:
    return Plan.ENTERPRISE


@pytest.fixture
def directory(club: Club, tenants: Tenants) -> Directory:
    key = tenants.api_key(club.id)
    with transaction(club.engine) as session:
        key_id = session.scalars(select(ApiKey.id).where(ApiKey.workspace_id == club.id)).one()
        session.execute(update(ApiKey).where(ApiKey.id == key_id).values(scope="scim"))
    made = Directory(club, key, key_id)
    assert club.events() == [("operator", "api_key.created")]
    return made


def refusal(answer: Any) -> tuple[int, str | None]:
    body = answer.json()
    assert answer.headers["content-type"] == "application/scim+json"
    assert body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert body["status"] == str(answer.status_code)
    return answer.status_code, body.get("scimType")


def test_a_key_reaches_its_own_workspaces_directory_only(directory: Directory, tenants: Tenants, club: Club) -> None:
    tenants.workspace("Other", Plan.ENTERPRISE)
    foreign = directory.call("GET", "/Users", base="/scim/v2/other")
    absent = directory.call("GET", "/Users", base="/scim/v2/absent")
    assert foreign.content == absent.content
    assert refusal(foreign) == (404, None)
    reading_key = Directory(club, tenants.api_key(club.id), "")
    assert refusal(reading_key.call("GET", "/Users")) == (403, None)
    assert refusal(Directory(club, "hm_api_x", "").call("GET", "/Users")) == (401, None)
    for user_id in (str(uuid4()), "x", "%00"):
        for method in ("GET", "DELETE"):
            assert refusal(directory.call(method, f"/Users/{user_id}")) == (404, None)


@on_sqlite
def test_another_workspaces_people_are_neither_listed_nor_found_nor_touched(
    directory: Directory, tenants: Tenants, club: Club, clock: FixedClock
) -> None:
    other = tenants.workspace("Other", Plan.ENTERPRISE)
    person, now_us = club.people.member(other, "eve@evil.example"), to_micros(clock.now())
    theirs = {"id": str(uuid4()), "external_id": "00u9", "active": True}
    row = {"workspace_id": other, "user_id": person.user_id, "created_at_us": now_us, "changed_at_us": now_us}
    with transaction(club.engine) as session:
        session.add(DirectoryMember(**theirs, **row))
    for text in ('userName eq "eve@evil.example"', 'externalId eq "00u9"', f'id eq "{theirs["id"]}"', ""):
        assert directory.found(text) == []
    assert refusal(directory.call("GET", f"/Users/{theirs['id']}")) == (404, None)
    assert refusal(directory.patch(theirs["id"], {"op": "replace", "value": {"active": False}})) == (404, None)
    assert refusal(directory.call("DELETE", f"/Users/{theirs['id']}")) == (404, None)
    with reading(club.engine) as session:
        (kept,) = session.scalars(select(DirectoryMember)).all()
    assert (kept.active, kept.changed_at_us) == (True, now_us)


@on_sqlite
@pytest.mark.parametrize("plan", [Plan.TEAM])
def test_directory_sync_needs_the_enterprise_plan(directory: Directory) -> None:
    assert refusal(directory.call("GET", "/Users")) == (403, None)
    assert refusal(directory.add("new@acme.co")) == (403, None)


def test_people_are_added_found_deactivated_and_come_back(directory: Directory, club: Club) -> None:
    made = directory.add("New@Acme.co", externalId="00u1", displayName="New Person", roles=[{"value": "owner"}])
    assert made.status_code == 201
    user = made.json()
    assert made.headers["Location"] == user["meta"]["location"] == f"https://testserver{BASE}/Users/{user['id']}"
    assert (user["userName"], user["active"], user["externalId"]) == ("new@acme.co", True, "00u1")
    assert club.roles() == {"vk": "owner", "new": "member"}, "nobody slips a role in"
    assert directory.call("GET", f"/Users/{user['id']}").json() == user
    for text in ('userName eq "NEW@acme.co"', 'externalId eq "00u1"', f'id eq "{user["id"]}"'):
        assert directory.found(text) == ["new@acme.co"]
    for text in ('userName eq "vk@acme.co"', 'userName eq "no address"', 'externalId eq "\\u0000"'):
        assert directory.found(text) == []
    person = club.people.sign_in("new@acme.co")
    assert person.json("GET", "/v1/acme-co/members").status_code == 200

    assert directory.patch(user["id"], {"op": "replace", "value": {"active": False}}).json()["active"] is False
    assert person.json("GET", "/v1/acme-co/members").status_code == 403
    assert club.roles() == {"vk": "owner"}
    assert directory.patch(user["id"], {"op": "Replace", "path": "active", "value": "True"}).json()["active"] is True
    assert person.json("GET", "/v1/acme-co/members").status_code == 200
    assert directory.call("DELETE", f"/Users/{user['id']}").status_code == 204
    assert club.roles() == {"vk": "owner"}
    assert directory.found('userName eq "new@acme.co"') == []
    assert {actor for actor, _ in club.events()[1:]} == {directory.key_id}
    assert [event for _, event in club.events()[1:]] == [
        "member.linked",
        "member.added",
        "member.removed",
        "member.added",
        "member.removed",
        "member.unlinked",
    ]


def test_somebody_who_is_a_member_already_keeps_their_role(directory: Directory, club: Club) -> None:
    club.join("admin", Role.ADMIN)
    assert directory.add("admin@acme.co").json()["active"] is True
    assert club.roles()["admin"] == "admin"
    assert refusal(directory.add("ADMIN@acme.co")) == (409, "uniqueness")
    shown = club.owner.json("GET", "/v1/acme-co/members").json()["members"]
    assert {one["email"]: one["by_directory"] for one in shown} == {"vk@acme.co": False, "admin@acme.co": True}


def test_the_only_owner_is_not_the_directorys_to_remove(directory: Directory, club: Club) -> None:
    club.join("admin", Role.ADMIN)
    owner = directory.add("vk@acme.co").json()["id"]
    for answer in (
        directory.patch(owner, {"op": "replace", "value": {"active": False}}),
        directory.call("PUT", f"/Users/{owner}", {"userName": "vk@acme.co", "active": False}),
        directory.call("DELETE", f"/Users/{owner}"),
    ):
        assert refusal(answer) == (409, None)
        assert "Owner" in answer.json()["detail"]
    assert club.roles() == {"vk": "owner", "admin": "admin"}, "nor does it make anybody an Owner"
    assert directory.call("GET", f"/Users/{owner}").json()["active"] is True
    club.join("second", Role.OWNER)
    assert directory.call("DELETE", f"/Users/{owner}").status_code == 204


def test_a_person_removed_by_hand_is_inactive_in_the_directory(directory: Directory, club: Club) -> None:
    user = directory.add("new@acme.co").json()
    person = club.people.sign_in("new@acme.co")
    club.owner.json("DELETE", f"/v1/acme-co/members/{person.user_id}")
    assert directory.call("GET", f"/Users/{user['id']}").json()["active"] is False


def test_a_directory_changes_nobodys_address_or_name(directory: Directory, club: Club) -> None:
    person = club.people.sign_in("known@acme.co")
    user = directory.add("known@acme.co", displayName="Somebody Else").json()
    path = f"/Users/{user['id']}"
    assert refusal(directory.call("PUT", path, {"userName": "eve@evil.example"})) == (400, "mutability")
    patched = directory.patch(user["id"], {"op": "replace", "path": "userName", "value": "eve@evil.example"})
    assert refusal(patched) == (400, "mutability")
    same = directory.call("PUT", path, {"userName": "KNOWN@acme.co", "externalId": "e2", "displayName": "X"})
    assert (same.json()["externalId"], same.json()["active"]) == ("e2", True)
    assert "externalId" not in directory.call("PUT", path, {"userName": "known@acme.co"}).json()
    with reading(club.engine) as session:
        stored = session.get_one(User, person.user_id)
        assert (stored.email, stored.display_name) == ("known@acme.co", None)


@on_sqlite
def test_inactive_people_are_added_without_a_membership(directory: Directory, club: Club) -> None:
    assert directory.add("later@acme.co", active="False").json()["active"] is False
    assert club.roles() == {"vk": "owner"}


@on_sqlite
def test_lists_come_in_pages(directory: Directory, clock: FixedClock) -> None:
    for number in range(5):
        directory.add(f"p{number}@acme.co")
        clock.advance(timedelta(seconds=1))
    page = directory.call("GET", "/Users?startIndex=2&count=2").json()
    assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (5, 2, 2)
    assert [one["userName"] for one in page["Resources"]] == ["p1@acme.co", "p2@acme.co"]
    assert directory.call("GET", "/Users?count=0").json()["Resources"] == []
    for odd in ("startIndex=0", "startIndex=-3", "startIndex=x&count=y", "count=99999999999"):
        assert len(directory.call("GET", f"/Users?{odd}").json()["Resources"]) == 5
    assert directory.call("GET", "/Users?startIndex=9").json()["Resources"] == []


@on_sqlite
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({}, "invalidValue"),
        ({"userName": 1}, "invalidValue"),
        ({"userName": "no address"}, "invalidValue"),
        ({"userName": "a@acme.co", "active": "maybe"}, "invalidValue"),
        ({"userName": "a@acme.co", "externalId": "x" * 300}, "invalidValue"),
        ([], "invalidSyntax"),
    ],
)
def test_unusable_people_are_refused_as_the_rfc_says(body: Any, kind: str, directory: Directory, club: Club) -> None:
    assert refusal(directory.call("POST", "/Users", body)) == (400, kind)
    assert club.roles() == {"vk": "owner"}


@on_sqlite
def test_the_service_describes_itself(directory: Directory) -> None:
    config = directory.call("GET", "/ServiceProviderConfig").json()
    assert (config["patch"]["supported"], config["bulk"]["supported"]) == (True, False)
    (kind,) = directory.call("GET", "/ResourceTypes").json()["Resources"]
    assert directory.call("GET", "/ResourceTypes/User").json() == kind
    (schema,) = directory.call("GET", "/Schemas").json()["Resources"]
    assert schema["id"] == kind["schema"] == USER_SCHEMA
    assert directory.call("GET", f"/Schemas/{USER_SCHEMA}").json() == schema
    assert refusal(directory.call("GET", "/ResourceTypes/Group")) == (404, None)
    assert refusal(directory.call("GET", "/Groups")) == (404, None)


@on_sqlite
def test_a_read_only_workspace_takes_nobody_new_but_lets_people_go(
    directory: Directory, club: Club, clock: FixedClock
) -> None:
    user = directory.add("here@acme.co").json()["id"]
    club.owner.json("POST", "/v1/acme-co/plan/cancel")
    clock.advance(timedelta(days=31))
    assert refusal(directory.add("new@acme.co")) == (409, None)
    assert directory.call("DELETE", f"/Users/{user}").status_code == 204


@on_sqlite
def test_a_database_that_is_away_is_said_in_the_words_of_scim(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_given: object, **_named: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr("api.scim.directory.Directory.page", away)
    answer = directory.call("GET", "/Users")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/scim+json")
    assert (answer.json()["status"], int(answer.headers["retry-after"]) > 0) == ("503", True)
