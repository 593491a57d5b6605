"""Invitations: the life of a link, seats, and who may invite whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from api.audit import OPERATOR
from api.db.models import FormerMembership, Invitation, Plan, Role
from api.db.session import reading, transaction
from api.members.acting import Acting
from api.members.invitations import PENDING_MAX, RESEND_AFTER
from api.members.removal import remove_member
from api.members.roster import add_member
from pipelines.lake.clock import FixedClock, to_micros
from tests.api.conftest import Browser
from tests.api.members.conftest import Club
from tests.conftest import on_sqlite

INVITATIONS = "/v1/acme-co/invitations"


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def invite(by: Browser, email: str = "new@acme.co", **more: str) -> Any:
    return by.json("POST", INVITATIONS, {"email": email, **more})


def accept(person: Browser, token: str) -> Any:
    return person.json("POST", "/v1/invitations/accept", {"token": token})


def test_the_invited_person_joins_by_the_link_in_the_role_offered(club: Club) -> None:
    answer = invite(club.owner, " NEW@Acme.co ", role="admin")
    assert answer.status_code == 201
    assert answer.json()["email"] == "new@acme.co"
    (token,) = club.tokens("new@acme.co")
    assert token not in answer.text
    joined = accept(club.people.sign_in("new@acme.co"), token)
    assert joined.json() == {"workspace": "acme-co", "name": "Acme Co", "role": "admin"}
    assert club.roles() == {"vk": "owner", "new": "admin"}
    assert club.events() == [("vk@acme.co", "invitation.sent"), ("new@acme.co", "invitation.accepted")]
    assert club.owner.json("GET", INVITATIONS).json() == {"invitations": []}


@on_sqlite
def test_an_accepted_invitation_says_by_whom_and_when_and_is_not_a_revoked_one(club: Club, clock: FixedClock) -> None:
    invite(club.owner)
    person = club.people.sign_in("new@acme.co")
    clock.advance(timedelta(hours=1))
    assert accept(person, club.tokens("new@acme.co")[0]).status_code == 200
    with reading(club.engine) as session:
        (kept,) = session.scalars(select(Invitation)).all()
    assert (kept.accepted_by_user_id, kept.accepted_at_us) == (person.user_id, to_micros(clock.now()))
    assert kept.revoked_at_us is None


@on_sqlite
def test_whoever_accepts_chooses_no_role(club: Club) -> None:
    invite(club.owner)
    (token,) = club.tokens("new@acme.co")
    person = club.people.sign_in("new@acme.co")
    answer = person.json("POST", "/v1/invitations/accept", {"token": token, "role": "owner"})
    assert code(answer) == (422, "invalid_request")
    assert person.post_form(f"/invitations/{token}", {"role": "owner"}).status_code == 422
    assert club.roles() == {"vk": "owner"}


@on_sqlite
def test_a_member_is_what_an_invitation_makes_unless_it_says_otherwise(club: Club) -> None:
    assert invite(club.owner).json()["role"] == "member"


@on_sqlite
def test_a_link_works_once_for_its_own_address_only(club: Club) -> None:
    invite(club.owner)
    (token,) = club.tokens("new@acme.co")
    assert code(accept(club.people.sign_in("eve@evil.example"), token)) == (403, "other_address")
    assert code(accept(club.people.nobody(), token)) == (401, "sign_in_required")
    person = club.people.sign_in("new@acme.co")
    assert accept(person, token).status_code == 200
    assert code(accept(person, token)) == (404, "invitation_dead")
    for wrong in ("", "x", token[:-1], "\u00e9", "x" * 500):
        assert code(accept(person, wrong)) == (404, "invitation_dead")


def test_an_invitation_runs_out_after_seven_days_and_resending_brings_it_back(club: Club, clock: FixedClock) -> None:
    invitation_id = invite(club.owner).json()["id"]
    person = club.people.sign_in("new@acme.co")
    clock.advance(timedelta(days=7) - timedelta(microseconds=1))
    assert person.get(f"/invitations/{club.tokens('new@acme.co')[0]}").status_code == 200
    clock.advance(timedelta(microseconds=1))
    (first,) = club.tokens("new@acme.co")
    assert code(accept(person, first)) == (404, "invitation_dead")
    assert club.owner.json("GET", INVITATIONS).json()["invitations"][0]["state"] == "expired"
    again = club.owner.json("POST", f"{INVITATIONS}/{invitation_id}/resend").json()
    assert (again["state"], again["sent_count"]) == ("pending", 2)
    first, second = club.tokens("new@acme.co")
    assert code(accept(person, first)) == (404, "invitation_dead"), "the old link is dead"
    assert accept(person, second).status_code == 200


@on_sqlite
def test_a_revoked_invitation_is_dead_and_its_address_may_be_invited_again(club: Club) -> None:
    invitation_id = invite(club.owner).json()["id"]
    assert code(invite(club.owner, "New@acme.co")) == (409, "already_invited")
    assert club.owner.json("DELETE", f"{INVITATIONS}/{invitation_id}").status_code == 200
    for method, path in (("DELETE", ""), ("POST", "/resend")):
        assert code(club.owner.json(method, f"{INVITATIONS}/{invitation_id}{path}")) == (404, "invitation_not_found")
    (dead,) = club.tokens("new@acme.co")
    assert code(accept(club.people.sign_in("new@acme.co"), dead)) == (404, "invitation_dead")
    assert invite(club.owner).status_code == 201


def test_an_invitation_that_ran_out_makes_way_for_the_next(club: Club, clock: FixedClock) -> None:
    invite(club.owner)
    clock.advance(timedelta(days=8))
    assert invite(club.owner, role="admin").status_code == 201
    assert len(club.owner.json("GET", INVITATIONS).json()["invitations"]) == 1


@on_sqlite
def test_resending_waits_a_minute(club: Club, clock: FixedClock) -> None:
    path = f"{INVITATIONS}/{invite(club.owner).json()['id']}/resend"
    refused = club.owner.json("POST", path)
    assert code(refused) == (429, "rate_limited")
    assert refused.headers["Retry-After"] == "60"
    clock.advance(RESEND_AFTER)
    assert club.owner.json("POST", path).status_code == 200


@on_sqlite
def test_only_an_owner_invites_owners_and_members_invite_nobody(club: Club) -> None:
    admin, member = club.join("admin", Role.ADMIN), club.join("member")
    assert code(invite(member)) == (403, "not_allowed")
    assert code(invite(admin, role="owner")) == (403, "not_allowed")
    assert invite(admin, role="admin").status_code == 201
    owners = invite(club.owner, "boss@acme.co", role="owner").json()["id"]
    for method, path in (("DELETE", ""), ("POST", "/resend")):
        assert code(admin.json(method, f"{INVITATIONS}/{owners}{path}")) == (403, "not_allowed")


@on_sqlite
def test_members_are_not_invited_and_adding_them_otherwise_uses_their_invitation_up(club: Club) -> None:
    club.join("there")
    assert code(invite(club.owner, "there@acme.co")) == (409, "already_member")
    invite(club.owner)
    person = club.people.member(club.id, "new@acme.co")
    assert code(accept(person, club.tokens("new@acme.co")[0])) == (409, "already_member")


@on_sqlite
def test_a_link_left_over_from_before_somebody_was_added_lets_nobody_back_in(club: Club, clock: FixedClock) -> None:
    invite(club.owner, role="admin")
    (token,) = club.tokens("new@acme.co")
    with transaction(club.engine) as session:
        user_id = add_member(session, club.id, "new@acme.co", Role.MEMBER, by=Acting(OPERATOR), at=clock.now()).user_id
    assert club.owner.json("GET", INVITATIONS).json() == {"invitations": []}
    with transaction(club.engine) as session:
        remove_member(session, club.id, user_id, by=Acting(OPERATOR), letters=None, at=clock.now())
    assert code(accept(club.people.sign_in("new@acme.co"), token)) == (404, "invitation_dead")


@pytest.mark.parametrize("plan", [Plan.SOLO])
def test_inviting_on_solo_fails_with_a_clear_error(club: Club) -> None:
    answer = invite(club.owner)
    assert code(answer) == (409, "seat_limit_reached")
    assert "Seat limit reached" in answer.json()["error"]["message"]
    assert club.tokens("new@acme.co") == []


def test_pending_invitations_hold_no_seat_but_accepting_takes_one(club: Club) -> None:
    for number in range(8):
        club.join(f"m{number}")
    emails = [f"new{number}@acme.co" for number in range(3)]
    for email in emails:
        assert invite(club.owner, email).status_code == 201
    people = [club.people.sign_in(email) for email in emails]
    assert accept(people[0], club.tokens(emails[0])[0]).status_code == 200
    refused = accept(people[1], club.tokens(emails[1])[0])
    assert code(refused) == (409, "seat_limit_reached")
    assert len(club.roles()) == 10
    assert code(invite(club.owner, "more@acme.co")) == (409, "seat_limit_reached")
    assert club.owner.json("DELETE", f"/v1/acme-co/members/{people[0].user_id}").status_code == 200
    assert accept(people[1], club.tokens(emails[1])[0]).status_code == 200, "the link still works"


@on_sqlite
def test_there_is_an_end_to_inviting(club: Club, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PENDING_MAX == 500
    monkeypatch.setattr("api.members.invitations.PENDING_MAX", 2)
    for name in ("a", "b"):
        assert invite(club.owner, f"{name}@acme.co").status_code == 201
    assert code(invite(club.owner, "c@acme.co")) == (409, "too_many_invitations")


@on_sqlite
@pytest.mark.parametrize("email", ["", "x", "a b@acme.co", "a@b", "new@acme.co\r\nBcc: eve@evil.example", "x" * 400])
def test_what_is_no_address_is_not_invited(email: str, club: Club) -> None:
    assert invite(club.owner, email).status_code == 422
    assert club.mailed() == []


@on_sqlite
def test_extra_fields_are_refused_without_being_repeated(club: Club) -> None:
    answer = club.owner.json("POST", INVITATIONS, {"email": "new@acme.co", "<b>workspace_id": "x"})
    assert answer.status_code == 422
    assert "<b>" not in answer.text


@on_sqlite
def test_a_removed_member_comes_back_by_a_new_invitation(club: Club) -> None:
    person = club.join("back")
    club.owner.json("DELETE", f"/v1/acme-co/members/{person.user_id}")
    invite(club.owner, "back@acme.co")
    assert accept(person, club.tokens("back@acme.co")[0]).status_code == 200
    assert person.json("GET", "/v1/acme-co/members").status_code == 200
    with reading(club.engine) as session:
        assert session.scalars(select(FormerMembership)).all() == [], "nothing says any more that they are gone"
