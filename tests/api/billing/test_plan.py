"""Changing the plan: who may, what it costs, and what it does to seats, projects and the calendar."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from api.audit import OPERATOR, Actor, ActorType
from api.billing.changes import cancel, change_plan, resume
from api.billing.prices import Billing
from api.db.models import Plan, Role
from api.db.session import transaction
from api.errors import Refused
from api.members.acting import Acting
from api.projects import list_projects, observe_projects
from pipelines.lake.clock import FixedClock, to_micros
from tests.api.conftest import Tenants
from tests.api.members.conftest import Club
from tests.conftest import on_sqlite

PLAN = "/v1/acme-co/plan"


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def change(club: Club, plan: str, extra_seats: int = 0, **more: Any) -> Any:
    """Ask for a quote and confirm it."""
    asked = {"plan": plan, "extra_seats": extra_seats}
    quoted = club.owner.json("POST", f"{PLAN}/quote", asked)
    assert quoted.status_code == 200, quoted.text
    return club.owner.json("PUT", PLAN, {**asked, "quoted": quoted.json()["due"], **more})


def operator_sets(club: Club, clock: FixedClock, plan: Plan, **more: Any) -> None:
    with transaction(club.engine) as session:
        change_plan(session, club.id, plan, by=Acting(OPERATOR), billing=Billing(), at=clock.now(), **more)


def test_extra_seats_are_quoted_to_the_cent_and_charged_once(club: Club, clock: FixedClock) -> None:
    clock.advance(timedelta(days=10))  # of 31
    quote = club.owner.json("POST", f"{PLAN}/quote", {"plan": "team", "extra_seats": 2}).json()
    assert (quote["due"], quote["monthly"], quote["seat_limit"]) == ("12.20", "117.00", 12)
    assert club.owner.json("GET", PLAN).json()["extra_seats"] == 0, "a quote changes nothing"
    assert change(club, "team", 2).json()["next_invoice"] == "12.20"
    assert change(club, "team", 1).json()["next_invoice"] == "12.20", "nothing is given back"
    assert change(club, "team", 2).json()["next_invoice"] == "12.20", "nor charged twice"
    assert change(club, "team", 3).json()["next_invoice"] == "18.29"
    club.days_pass(clock, 21)
    shown = club.owner.json("GET", PLAN).json()
    assert (shown["next_invoice"], shown["monthly"]) == ("0.00", "126.00"), "a new period begins"
    assert club.events()[0] == ("vk@acme.co", "seats.changed")


def test_a_quote_that_is_no_longer_true_changes_nothing(club: Club, clock: FixedClock) -> None:
    quoted = club.owner.json("POST", f"{PLAN}/quote", {"plan": "team", "extra_seats": 2}).json()["due"]
    clock.advance(timedelta(days=1))
    refused = club.owner.json("PUT", PLAN, {"plan": "team", "extra_seats": 2, "quoted": quoted})
    assert code(refused) == (409, "quote_changed")
    assert club.owner.json("GET", PLAN).json()["extra_seats"] == 0


def test_seats_in_use_are_not_given_up(club: Club) -> None:
    assert change(club, "team", 1).status_code == 200
    for number in range(10):
        club.join(f"m{number}")
    refused = change(club, "team", 0)
    assert code(refused) == (409, "too_many_members")
    assert "remove 1 first" in refused.json()["error"]["message"]
    assert code(change(club, "solo")) == (409, "too_many_members")
    assert club.owner.json("GET", PLAN).json()["seat_limit"] == 11


@pytest.mark.parametrize("plan", [Plan.SOLO])
def test_a_better_plan_brings_withheld_projects_back_at_once(club: Club, clock: FixedClock) -> None:
    slugs = [f"p{number:02}" for number in range(12)]
    with transaction(club.engine) as session:
        observe_projects(session, club.id, slugs, to_micros(clock.now()))
    assert change(club, "team").json()["seat_limit"] == 10
    with transaction(club.engine) as session:
        assert not [one.slug for one in list_projects(session, club.id) if one.over_ceiling]
    assert [event for _, event in club.events()].count("project.released") == 2


@on_sqlite
def test_only_owners_change_the_plan_and_contracts_are_the_operators(club: Club, clock: FixedClock) -> None:
    for role in (Role.ADMIN, Role.MEMBER):
        person = club.join(role.value, role)
        assert person.json("GET", PLAN).status_code == 200
        assert person.json("GET", PLAN).json()["billing_portal"] is None
        for method, path, body in (
            ("PUT", "", {"plan": "team", "quoted": "0.00"}),
            ("POST", "/quote", {"plan": "team"}),
            ("POST", "/cancel", None),
        ):
            assert code(person.json(method, PLAN + path, body)) == (403, "not_allowed")
    for plan in ("business", "enterprise"):
        assert code(change(club, plan)) == (403, "not_allowed")
    operator_sets(club, clock, Plan.BUSINESS, contract_seats=25)
    assert club.owner.json("GET", PLAN).json()["seat_limit"] == 25
    assert code(change(club, "team")) == (403, "not_allowed")
    operator_sets(club, clock, Plan.ENTERPRISE)
    assert club.owner.json("GET", PLAN).json()["seat_limit"] is None
    for wrong in ({"contract_seats": 3}, {"extra_seats": 3}):
        with pytest.raises(Refused):
            operator_sets(club, clock, Plan.ENTERPRISE, **wrong)


@on_sqlite
def test_whoever_stopped_being_an_owner_meanwhile_changes_nothing(club: Club, clock: FixedClock) -> None:
    admin = club.join("admin", Role.ADMIN)
    by = Acting(Actor(ActorType.USER, admin.email), admin.user_id)
    for service, given in ((change_plan, (Plan.TEAM,)), (cancel, ()), (resume, ())):
        with pytest.raises(Refused) as refusal, transaction(club.engine) as session:
            service(session, club.id, *given, by=by, billing=Billing(), at=clock.now())
        assert refusal.value.code == "not_allowed"
    assert club.events() == []


@on_sqlite
def test_where_a_provider_bills_the_plan_is_changed_there(club: Club) -> None:
    club.app.state.billing = dataclasses.replace(
        club.app.state.billing, provider="clerk", portal_url="https://pay.example/{workspace}"
    )
    assert club.owner.json("GET", PLAN).json()["billing_portal"] == f"https://pay.example/{club.id}"
    for method, path, body in (("PUT", "", {"plan": "solo", "quoted": "0.00"}), ("POST", "/cancel", None)):
        assert code(club.owner.json(method, PLAN + path, body)) == (409, "billed_elsewhere")


def test_a_cancelled_workspace_works_to_the_periods_end_then_is_read_only_until_it_goes_on(
    club: Club, clock: FixedClock
) -> None:
    ends = club.owner.json("POST", f"{PLAN}/cancel").json()["ends_at"]
    assert ends == "2026-08-01T12:00:00Z"
    assert code(club.owner.json("POST", f"{PLAN}/cancel")) == (409, "already_cancelled")
    invite = ("POST", "/v1/acme-co/invitations", {"email": "new@acme.co"})
    club.days_pass(clock, 31)
    clock.advance(-timedelta(microseconds=1))
    assert club.owner.json(*invite).status_code == 201
    clock.advance(timedelta(microseconds=1))
    assert code(club.owner.json("POST", "/v1/acme-co/invitations", {"email": "more@acme.co"})) == (
        409,
        "workspace_read_only",
    )
    invited = club.people.sign_in("new@acme.co")
    accepted = invited.json("POST", "/v1/invitations/accept", {"token": club.tokens("new@acme.co")[0]})
    assert code(accepted) == (409, "workspace_read_only")
    assert club.owner.json("GET", "/v1/acme-co/members").status_code == 200
    shown = club.owner.json("POST", f"{PLAN}/resume").json()
    assert (shown["ends_at"], shown["period_starts_at"]) == (None, "2026-08-01T12:00:00Z")
    assert shown["next_invoice"] == "99.00"
    assert club.owner.json("POST", "/v1/acme-co/invitations", {"email": "more@acme.co"}).status_code == 201
    assert [event for _, event in club.events() if event.startswith("subscription")] == [
        "subscription.cancelled",
        "subscription.resumed",
    ]


@on_sqlite
def test_a_cancellation_is_taken_back_before_it_takes_effect_without_a_charge(club: Club, clock: FixedClock) -> None:
    assert code(club.owner.json("POST", f"{PLAN}/resume")) == (409, "not_cancelled")
    club.owner.json("POST", f"{PLAN}/cancel")
    clock.advance(timedelta(days=5))
    shown = club.owner.json("POST", f"{PLAN}/resume").json()
    assert (shown["ends_at"], shown["next_invoice"]) == (None, "0.00")
    assert shown["period_ends_at"] == "2026-08-01T12:00:00Z"


@on_sqlite
def test_the_plan_table_is_in_the_answer(club: Club) -> None:
    plans = {one["plan"]: one for one in club.owner.json("GET", PLAN).json()["plans"]}
    assert plans["solo"] == {"plan": "solo", "seats": 1, "projects": 10, "monthly": "19.00", "extra_seat": None}
    assert (plans["team"]["seats"], plans["team"]["extra_seat"]) == (10, "9.00")
    assert plans["enterprise"]["seats"] is None


@on_sqlite
@pytest.mark.parametrize(
    "body",
    [
        {"plan": "team", "extra_seats": -1},
        {"plan": "team", "extra_seats": 10**9},
        {"plan": "solo", "extra_seats": 1},
        {"plan": "gold"},
        {"plan": "team", "extra_seats": True},
        {"plan": "team", "seat_limit": 99},
    ],
)
def test_unusable_wishes_are_refused(body: dict[str, Any], club: Club) -> None:
    assert club.owner.json("POST", f"{PLAN}/quote", body).status_code == 422
    assert club.owner.json("PUT", PLAN, {**body, "quoted": "0.00"}).status_code == 422


def test_somebody_elses_plan_looks_like_an_absent_one(club: Club, tenants: Tenants) -> None:
    stranger = club.people.sign_in("eve@evil.example")
    assert code(stranger.json("GET", PLAN)) == code(stranger.json("GET", "/v1/absent/plan"))
