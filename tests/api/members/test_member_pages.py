"""Members and invitations as people see them: forms, confirmations, and the page behind a link."""

from __future__ import annotations

import re

import pytest

from api.db.models import Plan, Role
from tests.api.conftest import BASE_URL, Browser
from tests.api.members.conftest import Club
from tests.conftest import on_sqlite

pytestmark = on_sqlite
LIST = "/acme-co/members"


def text(answer: object) -> str:
    """Return a page as it reads: without markup, blanks folded."""
    body: str = answer.text  # type: ignore[attr-defined]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def follow(browser: Browser, answer: object) -> str:
    """Go on to where a form that was taken leads."""
    assert answer.status_code == 303, text(answer)  # type: ignore[attr-defined]
    page = browser.get(answer.headers["location"])  # type: ignore[attr-defined]
    assert page.status_code == 200
    return text(page)


def test_an_owner_invites_sees_resends_and_revokes(club: Club) -> None:
    page = club.owner.get(LIST)
    assert "1 of 10 seats taken" in text(page)
    assert "Open invitations" not in text(page)
    sent = club.owner.post_form(f"{LIST}/invite", {"email": "New@acme.co", "role": "admin"})
    assert "The invitation is on its way" in follow(club.owner, sent)
    page = club.owner.get(LIST)
    assert "new@acme.co" in text(page)
    (invitation_id,) = set(re.findall(r"/members/invitations/([0-9a-f-]+)/resend", page.text))
    again = club.owner.post_form(f"{LIST}/invitations/{invitation_id}/resend")
    assert (again.status_code, "try again later" in text(again)) == (429, True)
    revoked = club.owner.post_form(f"{LIST}/invitations/{invitation_id}/revoke")
    assert "withdrawn" in follow(club.owner, revoked)


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"email": "nobody", "role": "member"}, 422, "This is not an e-mail address"),
        ({"email": "vk@acme.co", "role": "member"}, 409, "a member of the workspace already"),
        ({"email": "a@acme.co", "role": "boss"}, 422, "Choose a role"),
    ],
)
def test_a_refused_form_is_shown_again_with_what_was_typed(
    fields: dict[str, str], status: int, words: str, club: Club
) -> None:
    page = club.owner.post_form(f"{LIST}/invite", fields)
    assert (page.status_code, words in text(page)) == (status, True)
    assert f'value="{fields["email"]}"' in page.text


@pytest.mark.parametrize("plan", [Plan.SOLO])
def test_a_full_workspace_says_so_and_where_more_seats_are(club: Club) -> None:
    assert "Seat limit reached" in text(club.owner.get(LIST))
    page = club.owner.post_form(f"{LIST}/invite", {"email": "new@acme.co", "role": "member"})
    assert page.status_code == 409
    assert "Seat limit reached: the Solo plan has 1 seat" in text(page)
    assert 'href="/acme-co/settings/plan"' in page.text


def test_what_people_are_called_is_inert(club: Club) -> None:
    page = club.owner.post_form(f"{LIST}/invite", {"email": "<script>alert(1)</script>", "role": "member"})
    assert "<script>alert" not in page.text


def test_forms_of_other_pages_and_with_other_fields_are_refused(club: Club) -> None:
    fields = {"email": "new@acme.co", "role": "member"}
    path = f"{LIST}/invite"
    foreign = club.owner.client.post(
        path, data={**fields, "form_token": club.owner.form_token}, headers={"Origin": "https://evil.example"}
    )
    stale = club.owner.client.post(path, data={**fields, "form_token": "x"}, headers={"Origin": BASE_URL})
    slipped = club.owner.post_form(path, {**fields, "workspace_id": "other"})
    assert [one.status_code for one in (foreign, stale, slipped)] == [403, 403, 422]
    assert club.mailed() == []


def test_roles_removal_and_ownership_by_their_pages(club: Club) -> None:
    other = club.join("other")
    one = f"{LIST}/{other.user_id}"
    assert "Remove from workspace" in text(club.owner.get(one))
    assert "role was changed" in follow(club.owner, club.owner.post_form(f"{one}/role", {"role": "admin"}))
    assert club.roles()["other"] == "admin"
    assert "You become an Admin" in text(club.owner.get(f"{one}/ownership"))
    assert "transferred" in follow(club.owner, club.owner.post_form(f"{one}/ownership"))
    assert club.roles() == {"vk": "admin", "other": "owner"}
    assert club.owner.get(f"{one}/ownership").status_code == 403
    assert "Only an Owner can" in text(club.owner.get(one))
    assert club.owner.post_form(f"{one}/remove").status_code == 403
    mine = f"{LIST}/{club.owner.user_id}"
    assert "access to Acme Co at once" in text(other.get(f"{mine}/remove"))
    assert "removed" in follow(other, other.post_form(f"{mine}/remove"))
    assert club.owner.get(LIST).status_code == 403


def test_the_page_of_a_removal_says_what_goes_on_working(club: Club) -> None:
    asked = club.owner.get(f"{LIST}/{club.join('other').user_id}/remove")
    assert "Paired machines go on syncing and API keys go on working" in text(asked)
    for path in ("/acme-co/settings/devices", "/acme-co/settings/advanced"):
        assert f'<a href="{path}">' in asked.text
        assert club.owner.get(path).status_code == 200


def test_the_only_owner_is_told_what_to_do_before_leaving(club: Club) -> None:
    assert "the only Owner" in text(club.owner.get(f"{LIST}/leave"))
    page = club.owner.post_form(f"{LIST}/leave")
    assert page.status_code == 409
    assert "transfer the ownership, or delete the workspace" in text(page)
    club.join("admin", Role.ADMIN)
    left = club.owner.post_form(f"{LIST}/leave")
    assert (left.status_code, left.headers["location"]) == (303, "/")
    assert club.roles() == {"admin": "owner"}


def test_a_member_sees_the_list_but_no_buttons(club: Club) -> None:
    member = club.join("member")
    page = member.get(LIST)
    assert page.status_code == 200
    assert "Invite somebody" not in page.text
    assert "Manage" not in text(page)
    assert member.get(f"{LIST}/{club.owner.user_id}").status_code == 403


def test_the_page_behind_a_link_leads_through_the_sign_in_and_looking_accepts_nothing(club: Club) -> None:
    club.owner.post_form(f"{LIST}/invite", {"email": "new@acme.co", "role": "member"})
    (token,) = club.tokens("new@acme.co")
    path = f"/invitations/{token}"
    page = club.people.nobody().get(path)
    assert page.status_code == 200
    assert f'href="/signin?next=%2Finvitations%2F{token}"' in page.text
    assert "new@acme.co" not in page.text, "the link may have been forwarded"
    person = club.people.sign_in("new@acme.co")
    assert "invited you to the workspace" in text(person.get(path))
    assert "new" not in club.roles()
    joined = person.post_form(path)
    assert (joined.status_code, joined.headers["location"]) == (303, "/acme-co/overview")
    assert club.roles()["new"] == "member"
    for again in (person.post_form(path), person.get(path)):
        assert (again.status_code, again.headers["location"]) == (303, "/acme-co/overview")


def test_somebody_else_is_told_clearly_and_joins_nothing(club: Club) -> None:
    club.owner.post_form(f"{LIST}/invite", {"email": "new@acme.co", "role": "member"})
    (token,) = club.tokens("new@acme.co")
    other = club.people.sign_in("eve@evil.example")
    for page in (other.get(f"/invitations/{token}"), other.post_form(f"/invitations/{token}")):
        assert page.status_code == 403
        assert "for another e-mail address" in text(page)
        assert "eve@evil.example" in page.text
        assert "new@acme.co" not in page.text
        assert "Sign out" in text(page)
    assert "eve" not in club.roles()


def test_a_dead_link_says_so_to_everybody(club: Club) -> None:
    club.owner.post_form(f"{LIST}/invite", {"email": "new@acme.co", "role": "member"})
    (token,) = club.tokens("new@acme.co")
    page = club.owner.get(LIST)
    (invitation_id,) = set(re.findall(r"/members/invitations/([0-9a-f-]+)/revoke", page.text))
    club.owner.post_form(f"{LIST}/invitations/{invitation_id}/revoke")
    for browser in (club.people.nobody(), club.people.sign_in("new@acme.co"), club.owner):
        for path in (f"/invitations/{token}", "/invitations/never-was"):
            dead = browser.get(path)
            assert (dead.status_code, "does not work any more" in text(dead)) == (404, True)
