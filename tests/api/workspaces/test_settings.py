"""Settings of a workspace: what may be changed, by whom, and what becomes of an earlier address."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from api.audit import OPERATOR, verify_chain
from api.db.models import AuditRecord, Role
from api.db.session import reading, transaction
from api.errors import Refused
from api.workspaces.settings import SettingsChange, change_settings, settings_of
from api.workspaces.slugs import RESERVED_SLUGS, RETIRED_MAX, change_slug, checked_slug, slug_of
from api.workspaces.zones import time_zones
from pipelines.lake.clock import FixedClock
from tests.api.conftest import People, Tenants
from tests.conftest import on_sqlite

CHANGES = {
    "name": "Acme Company",
    "slug": "acme",
    "time_zone": "Europe/Berlin",
    "currency_note": "In euros at the ECB's rate.",
    "retention_days": 90,
}


def test_every_setting_changes_with_its_event_and_only_what_differs(
    engine: Engine, people: People, workspace_id: str
) -> None:
    owner = people.member(workspace_id, "vk@acme.co", Role.OWNER)
    before = owner.json("GET", "/v1/acme-co/settings").json()
    assert (before["currency"], before["currency_note"], before["logo"]) == ("USD", "", None)
    answer = owner.json("PATCH", "/v1/acme-co/settings", CHANGES)
    assert answer.status_code == 200, answer.text
    after = answer.json()
    assert {**before, **CHANGES, "retired_slugs": ["acme-co"]} == after
    assert owner.json("PATCH", "/v1/acme/settings", CHANGES).json() == after
    assert owner.json("PATCH", "/v1/acme/settings", {"retention_days": None}).json()["retention_days"] is None
    with reading(engine) as session:
        events = select(AuditRecord.event).where(AuditRecord.actor_id == "vk@acme.co").order_by(AuditRecord.position)
        assert session.scalars(events).all() == [
            "workspace.renamed",
            "workspace.time_zone_set",
            "workspace.currency_note_set",
            "workspace.retention_set",
            "workspace.slug_changed",
            "workspace.retention_set",
        ]
        assert verify_chain(session, workspace_id).differences == []


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"name": "a\u202eb"}, 422, "invalid_request"),
        ({"name": " "}, 422, "invalid_request"),
        ({"slug": "Acme"}, 422, "invalid_slug"),
        ({"slug": "a--b"}, 422, "invalid_slug"),
        ({"slug": "x" * 49}, 422, "invalid_slug"),
        ({"slug": "v1"}, 422, "slug_reserved"),
        ({"slug": "beta"}, 409, "slug_taken"),
        ({"time_zone": "Mars/Base"}, 422, "invalid_request"),
        ({"currency_note": "x" * 256}, 422, "invalid_request"),
        ({"retention_days": 0}, 422, "invalid_request"),
        ({"retention_days": True}, 422, "invalid_request"),
        ({"plan": "enterprise"}, 422, "invalid_request"),
        ({"workspace_id": "x"}, 422, "invalid_request"),
        ({"name": "Fine", "slug": "new"}, 422, "slug_reserved"),
    ],
    ids=range(14),
)
@on_sqlite
def test_what_is_not_usable_changes_nothing(
    engine: Engine,
    people: People,
    tenants: Tenants,
    workspace_id: str,
    change: dict[str, object],
    status: int,
    code: str,
) -> None:
    tenants.workspace("Beta")
    owner = people.member(workspace_id, "vk@acme.co", Role.OWNER)
    before = owner.json("GET", "/v1/acme-co/settings").json()
    answer = owner.json("PATCH", "/v1/acme-co/settings", change)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert owner.json("GET", "/v1/acme-co/settings").json() == before


@on_sqlite
def test_only_owners_change_settings_and_members_see_them(engine: Engine, people: People, workspace_id: str) -> None:
    for role in (Role.ADMIN, Role.MEMBER):
        browser = people.member(workspace_id, f"{role.value}@acme.co", role)
        assert browser.json("GET", "/v1/acme-co/settings").status_code == 200
        assert browser.json("PATCH", "/v1/acme-co/settings", {"name": "Mine"}).status_code == 403
        page = browser.get("/acme-co/settings").text
        assert "An Owner can change these settings." in page
        assert '<form method="post" action="/acme-co/settings' not in page
    assert people.sign_in("eve@example.net").json("GET", "/v1/acme-co/settings").status_code == 404


def test_an_earlier_slug_leads_members_on_and_nobody_else_gets_it(
    engine: Engine, people: People, tenants: Tenants, workspace_id: str, clock: FixedClock
) -> None:
    member, stranger = people.member(workspace_id, "m@acme.co"), people.sign_in("eve@example.net")
    with transaction(engine) as session:
        change_slug(session, workspace_id, "acme", actor=OPERATOR, at=clock.now())
    moved = member.get("/acme-co/settings?done=x%20y")
    assert (moved.status_code, moved.headers["location"]) == (308, "/acme/settings?done=x%20y")
    assert moved.headers["cache-control"] == "no-store"
    assert member.get("/acme-co/settings/plan").headers["location"] == "/acme/settings/plan"
    assert stranger.get("/acme-co/settings").status_code == 404
    assert people.nobody().get("/acme-co/settings").headers["location"].startswith("/signin")
    for call in (member.json("GET", "/v1/acme-co/settings"), member.get("/v1/acme-co/settings")):
        assert (call.status_code, call.json()["error"]["code"]) == (404, "workspace_not_found"), "never /v1"
    assert member.post_form("/acme-co/settings", {"name": "x"}).status_code == 404, "never a change"
    second = tenants.workspace("Acme Co")
    with reading(engine) as session:
        assert settings_of(session, second).slug == "acme-co-2", "it stays reserved"
    with pytest.raises(Refused, match="taken"), transaction(engine) as session:
        change_slug(session, second, "acme-co", actor=OPERATOR, at=clock.now())
    with transaction(engine) as session:
        change_slug(session, workspace_id, "acme-co", actor=OPERATOR, at=clock.now())
    assert member.get("/acme/settings").headers["location"] == "/acme-co/settings"
    assert member.get("/acme-co/settings").status_code == 200


@on_sqlite
def test_a_workspace_cannot_keep_slugs_without_end(
    engine: Engine, tenants: Tenants, workspace_id: str, clock: FixedClock
) -> None:
    for number in range(RETIRED_MAX):
        with transaction(engine) as session:
            change_slug(session, workspace_id, f"s{number}", actor=OPERATOR, at=clock.now())
    with pytest.raises(Refused) as refusal, transaction(engine) as session:
        change_slug(session, workspace_id, "one-more", actor=OPERATOR, at=clock.now())
    assert refusal.value.code == "too_many_slugs"
    with transaction(engine) as session:  # back to an earlier one is always possible
        change_slug(session, workspace_id, "s0", actor=OPERATOR, at=clock.now())


def test_of_many_who_want_one_slug_one_gets_it(engine: Engine, tenants: Tenants, clock: FixedClock) -> None:
    ids = [tenants.workspace(f"W{number}") for number in range(6)]

    def attempt(workspace_id: str) -> str:
        try:
            with transaction(engine) as session:
                change_slug(session, workspace_id, "wanted", actor=OPERATOR, at=clock.now())
        except Refused as refused:
            return refused.code
        return "changed"

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(attempt, ids)) == ["changed", *["slug_taken"] * 5]


@given(st.text(max_size=80))
def test_the_slug_of_any_name_is_a_slug_or_reserved(name: str) -> None:
    slug = slug_of(name)
    assert slug in RESERVED_SLUGS or checked_slug(slug) == slug


@on_sqlite
def test_the_page_saves_and_shows_what_was_typed_when_refused(
    engine: Engine, people: People, tenants: Tenants, workspace_id: str
) -> None:
    tenants.workspace("Beta")
    owner = people.member(workspace_id, "vk@acme.co", Role.OWNER)
    assert "General settings" in owner.get("/acme-co/settings").text
    fields = {"name": "<b>Acme</b>", "time_zone": "Asia/Kolkata", "currency_note": "note"}
    saved = owner.post_form("/acme-co/settings", fields)
    assert saved.headers["location"] == "/acme-co/settings?done=saved"
    page = owner.get("/acme-co/settings?done=saved").text
    assert "The settings were saved." in page
    assert "&lt;b&gt;Acme&lt;/b&gt;" in page
    assert "<b>Acme" not in page
    refused = owner.post_form("/acme-co/settings/address", {"slug": "beta"})
    assert refused.status_code == 409
    assert 'value="beta"' in refused.text
    assert "taken" in refused.text
    assert (
        owner.post_form("/acme-co/settings/address", {"slug": "acme"}).headers["location"]
        == "/acme/settings?done=address"
    )
    assert owner.post_form("/acme/settings", {**fields, "plan": "enterprise"}).status_code == 422


@on_sqlite
def test_retention_is_confirmed_on_a_page_of_its_own(engine: Engine, people: People, workspace_id: str) -> None:
    owner = people.member(workspace_id, "vk@acme.co", Role.OWNER)
    page = owner.get("/acme-co/settings/retention?days=90")
    assert "Keep requests for 90 days?" in page.text
    assert owner.get("/acme-co/settings/retention?days=x").status_code == 422
    assert owner.post_form("/acme-co/settings/retention", {"days": "90"}).status_code == 303
    assert owner.json("GET", "/v1/acme-co/settings").json()["retention_days"] == 90
    assert "Keep everything?" in owner.get("/acme-co/settings/retention?days=").text
    assert owner.post_form("/acme-co/settings/retention", {"days": ""}).status_code == 303
    assert owner.json("GET", "/v1/acme-co/settings").json()["retention_days"] is None


@on_sqlite
def test_settings_stay_as_they_are_while_a_workspace_is_being_deleted(
    engine: Engine, people: People, workspace_id: str, clock: FixedClock
) -> None:
    owner = people.member(workspace_id, "vk@acme.co", Role.OWNER)
    assert owner.json("POST", "/v1/acme-co/deletion", {"confirm": "acme-co"}).status_code == 200
    refused = owner.json("PATCH", "/v1/acme-co/settings", {"name": "New"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "workspace_read_only")
    assert "Nothing can be changed" in owner.get("/acme-co/settings").text


@on_sqlite
def test_tabs_lead_to_the_settings_a_role_may_see(engine: Engine, people: People, workspace_id: str) -> None:
    owner, member = people.member(workspace_id, "vk@acme.co", Role.OWNER), people.member(workspace_id, "m@acme.co")
    for path in (
        "settings",
        "settings/plan",
        "settings/devices",
        "settings/advanced",
        "settings/budgets",
        "settings/deletion",
    ):
        page = owner.get(f"/acme-co/{path}").text
        assert f'<a href="/acme-co/{path}" aria-current="page">' in page, path
        assert 'href="/acme-co/settings/advanced"' in page
    assert 'href="/acme-co/settings/advanced"' not in member.get("/acme-co/settings").text


def test_time_zones_are_places_and_utc() -> None:
    assert time_zones()[0] == "UTC"
    assert {"Europe/Berlin", "America/New_York", "Asia/Kolkata"} <= set(time_zones())
    assert not any(zone.startswith("Etc/") for zone in time_zones())


@on_sqlite
def test_a_change_of_nothing_is_no_event(engine: Engine, workspace_id: str, clock: FixedClock) -> None:
    with transaction(engine) as session:
        same = settings_of(session, workspace_id)
        change = SettingsChange(same.name, same.slug, same.time_zone, same.currency_note, 0)
        assert change_settings(session, workspace_id, change, actor=OPERATOR, at=clock.now()) == same
    with reading(engine) as session:
        events = session.scalars(select(AuditRecord.event)).all()
    assert set(events) == {"workspace.created", "member.added"}


@on_sqlite
def test_a_form_that_was_open_meanwhile_changes_only_what_was_typed_into_it(
    people: People, workspace_id: str, engine: Engine
) -> None:
    owner = people.member(workspace_id, "vk@acme.co", Role.OWNER)
    opened = owner.get("/acme-co/settings").text
    fields = dict(re.findall(r'name="(seen_\w+)" value="([^"]*)"', opened)) | {"time_zone": "UTC"}
    assert set(fields) == {"seen_name", "seen_time_zone", "seen_currency_note", "time_zone"}
    name = fields["seen_name"]
    assert owner.post_form("/acme-co/settings", {**fields, "name": "Other tab", "currency_note": ""}).status_code == 303
    assert owner.post_form("/acme-co/settings", {**fields, "name": name, "currency_note": "EUR"}).status_code == 303
    with reading(engine) as session:
        settings = settings_of(session, workspace_id)
    assert (settings.name, settings.currency_note) == ("Other tab", "EUR")
