"""Members by JSON: foreigners first, then who may do what to whom, and that one Owner always stays."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from api.db.models import Plan, Role
from pipelines.lake.clock import FixedClock
from tests.api.conftest import Browser, Machine, Tenants
from tests.api.members.conftest import Club
from tests.conftest import on_sqlite

MEMBERS = "/v1/acme-co/members"


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def put_role(browser: Browser, other: Browser, role: str) -> Any:
    return browser.json("PUT", f"{MEMBERS}/{other.user_id}/role", {"role": role})


def test_somebody_elses_workspace_and_member_look_like_absent_ones(club: Club, tenants: Tenants) -> None:
    stranger = club.people.sign_in("eve@evil.example")
    tenants.workspace("Evil")
    for path in (MEMBERS, "/v1/absent/members", "/v1/acme-co/invitations"):
        assert code(stranger.json("GET", path)) == (404, "workspace_not_found")
    for user_id in (stranger.user_id, "0e7d4d1c-52a6-4d0a-9f0f-7d3c2b1a0f9e", "x", "%00"):
        answer = club.owner.json("DELETE", f"{MEMBERS}/{user_id}")
        assert code(answer) == (404, "member_not_found")
    assert code(club.people.nobody().json("GET", MEMBERS)) == (401, "sign_in_required")


@on_sqlite
def test_the_list_shows_owners_first_and_the_seats(club: Club) -> None:
    member, _ = club.join("zed"), club.join("amy", Role.ADMIN)
    answer = member.json("GET", MEMBERS).json()
    assert [(one["email"], one["role"]) for one in answer["members"]] == [
        ("vk@acme.co", "owner"),
        ("amy@acme.co", "admin"),
        ("zed@acme.co", "member"),
    ]
    assert answer["seats"] == {"used": 3, "limit": 10}


RANK = {Role.OWNER: 2, Role.ADMIN: 1, Role.MEMBER: 0}


@on_sqlite
def test_who_may_give_whom_which_role(club: Club) -> None:
    for acting, other, wanted in product(Role, Role, Role):
        actor, target = club.join(f"actor-{acting}", acting), club.join("target", other)
        allowed = acting is not Role.MEMBER and RANK[acting] >= max(RANK[other], RANK[wanted])
        before = len(club.events())
        answer = put_role(actor, target, wanted.value)
        assert answer.status_code == (200 if allowed else 403), (acting, other, wanted)
        assert club.roles()["target"] == (wanted if allowed else other).value
        changed = [event for _, event in club.events()[before:]]
        assert changed == (["member.role_changed"] if allowed and wanted is not other else [])


@on_sqlite
def test_who_may_remove_whom(club: Club) -> None:
    for acting, other in product(Role, Role):
        actor, target = club.join(f"actor-{acting}", acting), club.join("target", other)
        allowed = acting is not Role.MEMBER and RANK[acting] >= RANK[other]
        answer = actor.json("DELETE", f"{MEMBERS}/{target.user_id}")
        assert answer.status_code == (200 if allowed else 403), (acting, other)
        assert ("target" in club.roles()) is not allowed


def test_a_removed_members_very_next_call_is_a_403_and_devices_stay(club: Club, machine: Machine) -> None:
    member = club.join("old")
    machine.start()
    approved = member.json("POST", "/v1/acme-co/pairings/approve", {"code": machine.code})
    assert approved.status_code == 200, approved.text
    machine.token = machine.poll()["api_key"]
    assert member.json("GET", MEMBERS).status_code == 200
    assert club.owner.json("DELETE", f"{MEMBERS}/{member.user_id}").json()["new_owner"] is None
    for path in (MEMBERS, "/v1/acme-co/overview", "/v1/acme-co/plan"):
        assert code(member.json("GET", path)) == (403, "membership_removed")
    assert member.get("/acme-co/members").status_code == 403
    assert machine.call().status_code == 200, "what a member paired goes on syncing"
    assert club.events()[-1] == ("vk@acme.co", "member.removed")
    (entry,) = club.owner.json("GET", "/v1/acme-co/audit?event=member.removed").json()["entries"]
    assert (entry["actor"]["id"], entry["at"]) == ("vk@acme.co", "2026-07-01T12:00:00Z")
    assert entry["resource"]["id"] == member.user_id
    assert entry["details"] == {"email": "old@acme.co", "role": "member"}
    assert code(club.owner.json("DELETE", f"{MEMBERS}/{member.user_id}")) == (404, "member_not_found")


@on_sqlite
@pytest.mark.parametrize("role", Role)
def test_anybody_may_leave(role: Role, club: Club) -> None:
    person = club.join("gone", role)
    assert person.json("POST", f"{MEMBERS}/leave").status_code == 200
    assert "gone" not in club.roles()
    assert club.events() == [("gone@acme.co", "member.left")]
    assert person.json("GET", MEMBERS).status_code == 403


def test_the_only_owner_hands_over_to_the_admin_who_has_been_there_longest(club: Club, clock: FixedClock) -> None:
    club.join("member-first")
    for name in ("second", "third"):
        clock.advance(timedelta(days=1))
        club.join(name, Role.ADMIN)
    answer = club.owner.json("POST", f"{MEMBERS}/leave")
    assert answer.json()["new_owner"] == "second@acme.co"
    assert club.roles() == {"member-first": "member", "second": "owner", "third": "admin"}
    assert [event for _, event in club.events()] == ["member.left", "member.role_changed"]
    assert [recipient for recipient, _ in club.mailed("ownership")] == ["second@acme.co"]


def test_the_only_owner_stays_while_there_is_no_admin(club: Club) -> None:
    other = club.join("member")
    assert code(club.owner.json("POST", f"{MEMBERS}/leave")) == (409, "last_owner")
    assert code(club.owner.json("DELETE", f"{MEMBERS}/{club.owner.user_id}")) == (409, "last_owner")
    assert code(put_role(club.owner, club.owner, "admin")) == (409, "last_owner")
    assert club.roles() == {"vk": "owner", "member": "member"}
    assert club.events() == []
    club.join("second", Role.OWNER)
    assert put_role(club.owner, club.owner, "admin").status_code == 200
    assert other.json("GET", MEMBERS).status_code == 200


def test_ownership_goes_to_another_member_and_the_giver_becomes_an_admin(club: Club) -> None:
    heir = club.join("heir")
    for wrong in (club.owner.user_id, club.people.sign_in("eve@evil.example").user_id):
        assert club.owner.json("POST", "/v1/acme-co/ownership", {"user_id": wrong}).status_code in (404, 422)
    assert code(heir.json("POST", "/v1/acme-co/ownership", {"user_id": heir.user_id})) == (403, "not_allowed")
    assert club.owner.json("POST", "/v1/acme-co/ownership", {"user_id": heir.user_id}).json()["role"] == "owner"
    assert club.roles() == {"vk": "admin", "heir": "owner"}
    assert club.events() == [("vk@acme.co", "ownership.transferred")]
    assert [recipient for recipient, _ in club.mailed("ownership")] == ["heir@acme.co"]


@on_sqlite
@pytest.mark.parametrize("body", [{"role": "root"}, {"role": "admin", "plan": "enterprise"}, {}, {"role": None}])
def test_other_fields_and_roles_are_refused(body: dict[str, str], club: Club) -> None:
    member = club.join("member")
    assert club.owner.json("PUT", f"{MEMBERS}/{member.user_id}/role", body).status_code == 422
    assert club.roles()["member"] == "member"


@on_sqlite
@pytest.mark.parametrize("plan", [Plan.SOLO])
def test_a_reading_key_sees_no_members(club: Club, tenants: Tenants) -> None:
    bearer = {"Authorization": f"Bearer {tenants.api_key(club.id)}"}
    assert code(club.owner.client.get(MEMBERS, headers=bearer)) == (403, "not_allowed")
