"""Answers given again within a second, and all that ends it at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update
from starlette.testclient import TestClient

from api.access.browser_sessions import SESSION_COOKIE, start_session
from api.dashboards import recent_answers, serving
from api.db.models import ApiKey, Membership, Project, Workspace
from api.db.session import transaction
from api.people import find_or_create_person
from pipelines.lake.clock import to_micros
from tests.api.dashboards.facts import NOW, workspace_id
from tests.api.dashboards.world import World

OVERVIEW = "acme/overview"


@pytest.fixture
def world(fresh_world: Callable[..., World]) -> World:
    """A world whose key has been used lately, so that no answer is followed by a note of its use."""
    world = fresh_world(rows_each=20)
    world.get("acme/devices")
    return world


@pytest.fixture
def views(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry per view that is opened, whatever is answered from it."""
    opened: list[int] = []
    open_view = serving.viewing

    def counting(call: Any) -> Any:
        opened.append(1)
        return open_view(call)

    monkeypatch.setattr(serving, "viewing", counting)
    return opened


def test_an_answer_is_given_again_with_all_its_headers_and_nothing_else_done(world: World, views: list[int]) -> None:
    first, again = world.get(OVERVIEW), world.get(OVERVIEW)
    assert len(views) == 1
    assert again.content == first.content
    assert dict(again.headers) == dict(first.headers)


def test_an_answer_given_again_is_a_304_to_whoever_has_it(world: World, views: list[int]) -> None:
    tag = world.get(OVERVIEW).headers["etag"]
    again = world.get(OVERVIEW, headers={"If-None-Match": f'W/"x", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert world.get(OVERVIEW, headers={"If-None-Match": '"x"'}).status_code == 200
    assert len(views) == 1


def test_another_query_and_another_key_are_answered_on_their_own(world: World, views: list[int]) -> None:
    world.get(OVERVIEW)
    assert world.get(f"{OVERVIEW}?range=last_7d").json()["filters"]["range"] == "last_7d"
    assert world.get(OVERVIEW, key="hm_api_other").status_code == 401
    assert world.get(OVERVIEW, key=world.keys["island"]).status_code == 404
    assert len(views) == 2


def test_a_revoked_key_is_refused_at_once(world: World) -> None:
    assert world.get(OVERVIEW).status_code == 200
    with transaction(world.engine) as session:
        session.execute(
            update(ApiKey).where(ApiKey.workspace_id == workspace_id("acme")).values(revoked_at_us=to_micros(NOW))
        )
    assert world.get(OVERVIEW).status_code == 401


def test_a_session_in_a_second_cookie_line_is_not_lent_to_whoever_sends_the_first(world: World) -> None:
    now = world.clock.now()
    with transaction(world.engine) as session:
        person = find_or_create_person(session, "vk@acme.co", now)
        session.add(
            Membership(workspace_id=workspace_id("acme"), user_id=person.id, role="member", joined_at_us=to_micros(now))
        )
        secret = start_session(session, person.id, method="test", user_agent="", address="", at=now)
    client = TestClient(world.app)
    lines = [("Cookie", "theme=dark"), ("Cookie", f"{SESSION_COOKIE}={secret}")]
    assert [client.get(f"/v1/{OVERVIEW}", headers=lines).status_code for _ in range(2)] == [200, 200]
    assert client.get(f"/v1/{OVERVIEW}", headers=lines[:1]).status_code == 401


def test_any_commit_ends_it(world: World, views: list[int]) -> None:
    world.get("acme/projects")
    with transaction(world.engine) as session:
        session.execute(
            insert(Project).values(
                id="7d1c0f52-1111-4000-8000-000000000000", workspace_id=workspace_id("acme"), slug="brand-new",
                first_seen_at_us=0, over_ceiling=False, visibility_version=1,
            )
        )  # fmt: skip
        session.execute(
            update(Workspace)
            .where(Workspace.id == workspace_id("acme"))
            .values(audit_position=Workspace.audit_position + 1)
        )
    shown = [one["project"] for one in world.json("acme/projects")["projects"]]
    assert "brand-new" in shown
    assert len(views) == 2


def test_a_new_build_ends_it(world: World, views: list[int]) -> None:
    before = world.json(OVERVIEW)["build_id"]
    world.publish("b20260407T040000-00000002")
    after = world.json(OVERVIEW)["build_id"]
    assert (before, after) == ("b20260407T030900-00000001", "b20260407T040000-00000002")


def test_a_second_ends_it_and_one_call_alone_makes_it_anew(world: World, views: list[int]) -> None:
    world.get(OVERVIEW)
    world.clock.advance(timedelta(seconds=1))
    found = world.app.state.recent_answers
    path, key = f"/v1/{OVERVIEW}", f"Bearer {world.keys['acme']}".encode()
    scope = {"path": path, "query_string": b"", "headers": [(b"authorization", key)]}
    assert found.find(scope) is None  # this caller is the one who makes it
    assert found.find(scope) is not None  # meanwhile the others have what there is
    world.clock.advance(timedelta(seconds=2))
    assert found.find(scope) is None
    world.get(OVERVIEW)
    assert len(views) == 2


def test_nothing_is_given_again_where_commits_cannot_be_told(
    world: World, views: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.app.state.recent_answers, "_database", None)  # as on PostgreSQL
    world.get(OVERVIEW)
    world.get(OVERVIEW)
    assert len(views) == 2


def test_the_number_of_answers_kept_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_answers, "ANSWERS_MAX", 3)
    for days in range(1, 9):
        world.get(f"{OVERVIEW}?range=custom&from=2026-04-0{days}&to=2026-04-09")
        assert len(world.app.state.recent_answers._answers) <= 3
