"""Several workspaces per person: who may create one on which plan, and seeing one's own."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select

from api.db.models import Membership, Plan, Role, Subscription, Workspace
from api.db.session import reading, transaction
from api.workspaces import creation
from pipelines.lake.clock import FixedClock, to_micros
from tests.api.conftest import Browser, People, Tenants
from tests.conftest import on_sqlite


def create(browser: Browser, **changes: str) -> tuple[int, str]:
    """Create one; return the status and the slug or the refusal's code."""
    answer = browser.json("POST", "/v1/workspaces", {"name": "Client work", "plan": "team", **changes})
    body = answer.json()
    return answer.status_code, body["slug"] if answer.status_code == 201 else body["error"]["code"]


def test_with_solo_workspaces_only_a_further_one_is_on_team(engine: Engine, people: People, tenants: Tenants) -> None:
    tenants.workspace("Solo", Plan.SOLO)  # of vk@acme.co
    owner = people.sign_in("vk@acme.co")
    assert create(owner, plan="solo") == (422, "plan_not_offered")
    assert create(owner) == (201, "client-work")
    assert create(owner, plan="solo", slug="mine") == (201, "mine"), "they belong to one on Team now"
    assert create(owner, plan="business") == (422, "plan_not_offered"), "a contract is not chosen"
    own = owner.json("GET", "/v1/workspaces").json()["workspaces"]
    assert [(one["slug"], one["role"]) for one in own] == [
        ("client-work", "owner"), ("mine", "owner"), ("solo", "owner"),
    ]  # fmt: skip
    assert people.sign_in("eve@example.net").json("GET", "/v1/workspaces").json() == {"workspaces": []}


@on_sqlite
def test_what_no_longer_lives_does_not_count_as_team(
    engine: Engine, people: People, tenants: Tenants, clock: FixedClock
) -> None:
    team = tenants.workspace("Team")
    owner = people.sign_in("vk@acme.co")
    with transaction(engine) as session:
        session.add(
            Subscription(
                workspace_id=team, provider="manual", extra_seats=0, period_starts_at_us=0, period_ends_at_us=1,
                cancels_at_us=to_micros(clock.now()), changed_at_us=0,
            )
        )  # fmt: skip
    assert create(owner, plan="solo") == (422, "plan_not_offered")
    with transaction(engine) as session:
        session.get_one(Subscription, team).cancels_at_us = None
        session.get_one(Workspace, team).deletion_requested_at_us = 1
    assert create(owner, plan="solo") == (422, "plan_not_offered")
    with transaction(engine) as session:
        session.get_one(Workspace, team).deletion_requested_at_us = None
    assert create(owner, plan="solo")[0] == 201


@on_sqlite
def test_a_person_without_any_may_begin_on_solo(engine: Engine, people: People) -> None:
    assert create(people.sign_in("new@example.net"), plan="solo") == (201, "client-work")


@on_sqlite
def test_where_plans_are_sold_in_a_portal_nobody_gets_team_for_nothing(
    engine: Engine, people: People, tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(people.app.state.billing), "self_service", property(lambda _: False))
    tenants.workspace("Solo", Plan.SOLO)
    owner = people.sign_in("vk@acme.co")
    assert create(owner) == (409, "plan_not_offered")
    assert "come with the Team plan" in owner.get("/new").text
    tenants.workspace("Team")
    assert create(owner) == (422, "plan_not_offered")
    assert create(owner, plan="solo") == (201, "client-work")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"slug": "acme-co"}, 409, "slug_taken"),
        ({"slug": "signin"}, 422, "slug_reserved"),
        ({"slug": "a/b"}, 422, "invalid_slug"),
        ({"name": ""}, 422, "invalid_request"),
        ({"time_zone": "x"}, 422, "invalid_request"),
        ({"plan": "free"}, 422, "invalid_request"),
        ({"owner": "eve@example.net"}, 422, "invalid_request"),
    ],
    ids=range(7),
)
@on_sqlite
def test_unusable_wishes_create_nothing(
    engine: Engine, people: People, workspace_id: str, change: dict[str, str], status: int, code: str
) -> None:
    assert create(people.sign_in("vk@acme.co"), **change) == (status, code)
    with reading(engine) as session:
        assert session.scalars(select(Workspace.id)).all() == [workspace_id]


@on_sqlite
def test_nobody_owns_workspaces_without_end(
    engine: Engine, people: People, workspace_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(creation, "WORKSPACES_MAX", 2)
    owner = people.sign_in("vk@acme.co")
    assert create(owner)[0] == 201
    assert create(owner) == (409, "too_many_workspaces")


def test_the_page_creates_one_and_goes_there(engine: Engine, people: People, workspace_id: str) -> None:
    owner = people.sign_in("vk@acme.co")
    page = owner.get("/new").text
    assert 'value="team"' in page
    fields = {"name": "Client work", "slug": "", "plan": "team", "time_zone": "Europe/Berlin"}
    assert owner.post_form("/new", fields).headers["location"] == "/client-work/overview"
    refused = owner.post_form("/new", {**fields, "slug": "acme-co"})
    assert (refused.status_code, 'value="acme-co"' in refused.text) == (409, True)
    assert 'href="/client-work/overview"' in owner.get("/new").text, "the switcher shows it"
    assert owner.post_form("/new", {**fields, "role": "owner"}).status_code == 422
    assert people.nobody().get("/new").headers["location"] == "/signin?next=%2Fnew"
    with reading(engine) as session:
        roles = session.scalars(select(Membership.role).where(Membership.workspace_id != workspace_id)).all()
    assert roles == [Role.OWNER.value]
