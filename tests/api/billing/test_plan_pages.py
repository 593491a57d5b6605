"""The plan as people see it: prices before confirming, amounts that changed meanwhile, cancelling, the portal."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from api.billing.prices import Billing
from api.db.models import Plan, Role
from pipelines.lake.clock import FixedClock
from tests.api.members.conftest import Club
from tests.api.members.test_member_pages import follow, text
from tests.conftest import on_sqlite

pytestmark = on_sqlite
PAGE = "/acme-co/settings/plan"


def hidden(page: object, name: str) -> str:
    """Return a hidden field of the page's form."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page.text)  # type: ignore[attr-defined]
    assert found is not None
    return found[1]


def confirm(club: Club, query: str) -> tuple[object, dict[str, str]]:
    page = club.owner.get(f"{PAGE}/change?{query}")
    assert page.status_code == 200, text(page)
    return page, {name: hidden(page, name) for name in ("plan", "extra_seats", "quoted")}


def test_extra_seats_show_their_price_before_they_are_bought(club: Club, clock: FixedClock) -> None:
    clock.advance(timedelta(days=10))
    assert "1 of 10" in text(club.owner.get(PAGE))
    page, fields = confirm(club, "plan=team&extra_seats=2")
    assert "$12.20" in text(page)
    assert "$117.00" in text(page)
    assert "plan was changed" in follow(club.owner, club.owner.post_form(f"{PAGE}/change", fields))
    shown = text(club.owner.get(PAGE))
    assert "1 of 12" in shown
    assert "$12.20" in shown


def test_an_amount_that_changed_meanwhile_is_shown_again_and_nothing_happens(club: Club, clock: FixedClock) -> None:
    _, fields = confirm(club, "plan=team&extra_seats=2")
    clock.advance(timedelta(days=3))
    page = club.owner.post_form(f"{PAGE}/change", fields)
    assert page.status_code == 409
    assert "has changed since it was shown" in text(page)
    assert hidden(page, "quoted") != fields["quoted"]
    forged = club.owner.post_form(f"{PAGE}/change", {**fields, "quoted": "0.00"})
    assert forged.status_code == 409
    assert club.events() == []


def test_a_plan_by_contract_is_not_offered_for_confirmation(club: Club) -> None:
    page = club.owner.get(f"{PAGE}/change?plan=business&extra_seats=0")
    assert page.status_code == 403
    assert "ask whoever runs this server" in text(page)
    assert "Confirm" not in text(page)


def test_a_plan_too_small_for_the_members_says_what_to_do(club: Club) -> None:
    _, fields = confirm(club, "plan=solo")
    club.join("second")
    for page in (club.owner.get(f"{PAGE}/change?plan=solo"), club.owner.post_form(f"{PAGE}/change", fields)):
        assert (page.status_code, "remove 1 first" in text(page)) == (409, True)


@pytest.mark.parametrize(
    "query", ["plan=gold", "plan=team&extra_seats=-1", "plan=team&extra_seats=x", "plan=solo&extra_seats=1"]
)
def test_unusable_wishes_come_back_to_the_plan(query: str, club: Club) -> None:
    assert club.owner.get(f"{PAGE}/change?{query}").status_code == 422


def test_cancelling_asks_first_and_says_when_and_can_be_taken_back(club: Club, clock: FixedClock) -> None:
    assert "1 August 2026" in text(club.owner.get(f"{PAGE}/cancel"))
    assert "until the period ends" in follow(club.owner, club.owner.post_form(f"{PAGE}/cancel"))
    assert "becomes read-only on 1 August 2026" in text(club.owner.get(PAGE))
    assert club.owner.post_form(f"{PAGE}/cancel").status_code == 409
    club.days_pass(clock, 31)
    page = text(club.owner.get(PAGE))
    assert "The subscription has ended: this workspace is read-only" in page
    assert "goes on" in follow(club.owner, club.owner.post_form(f"{PAGE}/resume"))
    assert "read-only" not in text(club.owner.get("/acme-co/members"))


def test_choosing_a_plan_also_ends_the_read_only_time(club: Club, clock: FixedClock) -> None:
    club.owner.post_form(f"{PAGE}/cancel")
    club.days_pass(clock, 40)
    page, fields = confirm(club, "plan=solo")
    assert "$19.00" in text(page)
    follow(club.owner, club.owner.post_form(f"{PAGE}/change", fields))
    assert "read-only" not in text(club.owner.get("/acme-co/members"))


def test_admins_and_members_see_the_plan_and_no_buttons(club: Club) -> None:
    for role in (Role.ADMIN, Role.MEMBER):
        person = club.join(role.value, role)
        page = text(person.get(PAGE))
        assert "An Owner can change the plan" in page
        assert "Cancel the subscription" not in page
        for path in ("change?plan=solo", "cancel"):
            assert person.get(f"{PAGE}/{path}").status_code == 403
        assert person.post_form(f"{PAGE}/cancel").status_code == 403


def test_where_a_provider_bills_there_is_its_portal_instead_of_buttons(club: Club) -> None:
    club.app.state.billing = Billing(provider="clerk", portal_url="https://pay.example/{workspace}")
    page = club.owner.get(PAGE)
    assert f'href="https://pay.example/{club.id}"' in page.text
    assert "Manage billing" in text(page)
    assert "Cancel the subscription" not in text(page)


@pytest.mark.parametrize("plan", [Plan.ENTERPRISE])
def test_a_contract_says_that_it_is_one(club: Club) -> None:
    assert "Your plan is a contract" in text(club.owner.get(PAGE))
