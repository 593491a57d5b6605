"""The overview as a page: the JSON's numbers, and a new workspace's first steps."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from api.db.models import Membership, Role
from api.db.session import transaction
from api.pages.chart_script import charts_script
from api.people import find_or_create_person
from pipelines.lake.clock import to_micros
from tests.api.conftest import Browser, People
from tests.api.dashboards.facts import workspace_id
from tests.api.dashboards.world import World
from tests.conftest import on_sqlite


@pytest.fixture
def reader(world: World) -> Browser:
    with transaction(world.engine) as session:
        person = find_or_create_person(session, "reader@pages.example", world.clock.now())
        for slug in ("acme", "empty"):
            joined = to_micros(world.clock.now())
            row = Membership(
                workspace_id=workspace_id(slug), user_id=person.id, role=Role.MEMBER.value, joined_at_us=joined
            )
            session.merge(row)
    return People(world.app, world.engine, world.clock).sign_in("reader@pages.example")


def shown(amount: str) -> str:
    return f"${Decimal(amount).quantize(Decimal('0.01')):,}"


def test_the_page_shows_the_numbers_of_the_json(world: World, reader: Browser):
    html, answer = reader.get("/acme/overview").text, world.json("acme/overview")
    for number in answer["headline"].values():
        assert f'<span class="stat-figure">{shown(number["cost_usd"])}</span>' in html
    for project in answer["top_projects"]:
        assert shown(project["cost_usd"]) in html
    assert "&#39;" not in shown("1")
    assert f"{answer['budget']['used_percent']} %" in html
    assert answer["build_id"] in html
    assert "<dt>Days of</dt><dd>America/New_York</dd>" in html
    assert f"{answer['sync']['active']} active" in html
    assert "First steps" not in html


def test_project_names_are_escaped_and_lead_to_their_projects(reader: Browser):
    html = reader.get("/acme/overview").text
    assert 'href="/acme/projects/' in html
    assert re.findall(r"<script[^>]*>[^<]*", html) == [f'<script src="{charts_script()}" defer>']


def test_a_new_workspace_is_told_its_first_steps(reader: Browser):
    html = reader.get("/empty/overview").text
    assert "First steps" in html
    command = re.sub(r"<[^>]+>", "", html)
    assert "halton-meter cloud connect --base-url https://testserver --workspace empty" in command
    assert 'href="/empty/members"' in html
    assert "Headline numbers" not in html


@on_sqlite
def test_an_admin_is_asked_to_invite_and_a_member_told_who_can(people: People, workspace_id: str):
    admin = people.member(workspace_id, "admin@acme.co", Role.ADMIN)
    assert "Invite somebody" in admin.get("/acme-co/overview").text
    member = people.member(workspace_id, "member@acme.co")
    assert "Owners and Admins invite people" in member.get("/acme-co/overview").text
