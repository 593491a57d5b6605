"""Who is let into a workspace: the table of answers in `api.access.callers`, one by one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from sqlalchemy import Engine, delete, select, update

from api.access.browser_sessions import SESSION_COOKIE
from api.access.callers import Caller, caller_with
from api.access.permissions import KEPT_WHEN_READ_ONLY, Permission
from api.access.same_site import FORM_HEADER
from api.db.models import ApiKey, FormerMembership, Membership, Role, Subscription, Workspace
from api.db.session import reading, transaction
from api.tokens import SecretKind, new_secret
from pipelines.lake.clock import FixedClock, to_micros
from tests.api.conftest import BASE_URL, Browser, Machine, People, Tenants
from tests.conftest import on_sqlite

LOOK, EDIT, BILL = Permission.VIEW_DASHBOARDS, Permission.EDIT_PROJECTS, Permission.CHANGE_BILLING


def probe_routes() -> APIRouter:
    """Routes that need one permission each: `/v1/{workspace}/probe/{permission}`."""
    router = APIRouter()

    def add(permission: Permission) -> None:
        def probe(caller: Caller = Depends(caller_with(permission))) -> dict[str, Any]:  # noqa: B008
            return {"workspace": caller.workspace_id, "role": caller.role, "actor": caller.actor.id}

        router.add_api_route(f"/v1/{{workspace}}/probe/{permission.value}", probe, methods=["GET", "POST"])

    for permission in Permission:
        add(permission)
    return router


PROBES = probe_routes()


@pytest.fixture(autouse=True)
def probes(app: FastAPI) -> None:
    app.router.routes.extend(PROBES.routes)


def asked(browser: Browser, slug: str, permission: Permission = LOOK, method: str = "GET", **options: Any) -> Any:
    return browser.json(method, f"/v1/{slug}/probe/{permission.value}", **options)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, "" if answer.status_code == 200 else answer.json()["error"]["code"]


def with_key(people: People, slug: str, key: str | None, permission: Permission = LOOK, method: str = "GET") -> Any:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return people.nobody().client.request(method, f"/v1/{slug}/probe/{permission.value}", headers=headers)


def set_workspace(engine: Engine, workspace_id: str, **values: Any) -> None:
    with transaction(engine) as session:
        session.execute(update(Workspace).where(Workspace.id == workspace_id).values(**values))


def end_subscription(engine: Engine, workspace_id: str, at_us: int) -> None:
    with transaction(engine) as session:
        session.add(
            Subscription(
                workspace_id=workspace_id, provider="manual", extra_seats=0,
                period_starts_at_us=0, period_ends_at_us=at_us, cancels_at_us=at_us, changed_at_us=0,
            )
        )  # fmt: skip


def test_a_member_is_let_in_with_their_role_and_named_by_address(people: People, tenants: Tenants) -> None:
    workspace_id = tenants.workspace()
    for role in Role:
        answer = asked(people.member(workspace_id, f"{role.value}@acme.co", role), "acme-co")
        assert answer.json() == {"workspace": workspace_id, "role": role.value, "actor": f"{role.value}@acme.co"}


@on_sqlite
def test_nobody_and_dead_sessions_are_asked_to_sign_in(people: People, tenants: Tenants, clock: FixedClock) -> None:
    member = people.member(tenants.workspace(), "m@acme.co")
    assert code(asked(people.nobody(), "acme-co")) == (401, "sign_in_required")
    forger = people.nobody()
    for cookie in ("", "x", "A" * 43, "A" * 4_000, '"' * 43):
        forger.client.cookies.set(SESSION_COOKIE, cookie, domain="testserver.local", path="/")
        assert code(asked(forger, "acme-co")) == (401, "sign_in_required")
    clock.advance(timedelta(days=15))
    assert code(asked(member, "acme-co")) == (401, "sign_in_required")


def test_a_foreign_workspace_is_the_same_404_as_an_absent_one(people: People, tenants: Tenants) -> None:
    mine, foreign = tenants.workspace("Mine"), tenants.workspace("Foreign")
    member, key = people.member(mine, "m@acme.co", Role.OWNER), tenants.api_key(mine)
    expected = b'{"error":{"code":"workspace_not_found","message":"No such workspace."}}'
    for slug in ("foreign", "absent", foreign, "MINE", "%20mine"):
        for permission in (LOOK, Permission.DELETE_WORKSPACE):
            for answer in (asked(member, slug, permission), with_key(people, slug, key, permission)):
                assert (answer.status_code, answer.content) == (404, expected)
    assert asked(member, "mine").status_code == with_key(people, "mine", key).status_code == 200


def test_removal_is_felt_at_the_very_next_call_and_joining_again_too(
    people: People, tenants: Tenants, engine: Engine, clock: FixedClock
) -> None:
    workspace_id = tenants.workspace()
    member = people.member(workspace_id, "m@acme.co")
    assert asked(member, "acme-co").status_code == 200
    with transaction(engine) as session:
        session.execute(delete(Membership).where(Membership.user_id == member.user_id))
        session.add(
            FormerMembership(workspace_id=workspace_id, user_id=member.user_id, removed_at_us=to_micros(clock.now()))
        )
    assert code(asked(member, "acme-co")) == (403, "membership_removed")
    people.member(workspace_id, "m@acme.co")
    assert asked(member, "acme-co").status_code == 200
    with transaction(engine) as session:
        session.execute(update(Membership).where(Membership.user_id == member.user_id).values(role="admin"))
    assert asked(member, "acme-co").json()["role"] == "admin"


@on_sqlite
def test_a_role_without_the_permission_is_refused(people: People, tenants: Tenants) -> None:
    workspace_id = tenants.workspace()
    member, admin = people.member(workspace_id, "m@acme.co"), people.member(workspace_id, "a@acme.co", Role.ADMIN)
    assert code(asked(member, "acme-co", EDIT)) == (403, "not_allowed")
    assert code(asked(admin, "acme-co", EDIT)) == (200, "")
    assert code(asked(admin, "acme-co", BILL)) == (403, "not_allowed")


def test_a_read_only_workspace_lets_people_look_and_take_access_away_but_change_nothing_else(
    people: People, tenants: Tenants, engine: Engine, clock: FixedClock
) -> None:
    workspace_id = tenants.workspace()
    owner, key = people.member(workspace_id, "o@acme.co", Role.OWNER), tenants.api_key(workspace_id)

    def refused() -> set[Permission]:
        answers = {permission: code(asked(owner, "acme-co", permission, "POST")) for permission in Permission}
        assert set(answers.values()) <= {(200, ""), (409, "workspace_read_only")}
        return {permission for permission, answer in answers.items() if answer[0] == 409}

    changes = set(Permission) - KEPT_WHEN_READ_ONLY
    assert refused() == set()
    set_workspace(engine, workspace_id, deletion_requested_at_us=1)
    assert refused() == changes
    assert with_key(people, "acme-co", key).status_code == 200
    set_workspace(engine, workspace_id, deletion_requested_at_us=None)
    end_subscription(engine, workspace_id, to_micros(clock.now() + timedelta(seconds=1)))
    assert refused() == set()
    clock.advance(timedelta(seconds=1))
    assert refused() == changes
    member = people.member(workspace_id, "m@acme.co")
    assert code(asked(member, "acme-co", EDIT)) == (403, "not_allowed"), "the role is judged first"


def test_a_missing_malformed_unknown_or_revoked_key_is_a_401(
    people: People, tenants: Tenants, engine: Engine, workspace_id: str
) -> None:
    revoked = tenants.api_key(workspace_id)
    with transaction(engine) as session:
        session.execute(update(ApiKey).values(revoked_at_us=1))
    for key in ("", "x", new_secret(SecretKind.API), revoked):
        assert code(with_key(people, "acme-co", key)) == (401, "api_key_unknown")
    assert code(with_key(people, "acme-co", None)) == (401, "sign_in_required")


def test_a_sync_token_does_not_read_dashboards_nor_a_key_sync(
    people: People, tenants: Tenants, workspace_id: str, machine: Machine
) -> None:
    machine.pair(tenants, workspace_id)
    assert code(with_key(people, "acme-co", machine.token)) == (401, "api_key_unknown")
    assert code(machine.call(token=tenants.api_key(workspace_id))) == (401, "token_unknown")


@on_sqlite
def test_a_bad_key_is_not_helped_by_a_good_cookie(people: People, tenants: Tenants) -> None:
    member = people.member(tenants.workspace(), "m@acme.co")
    answer = asked(member, "acme-co", headers={"Authorization": f"Bearer {new_secret(SecretKind.API)}"})
    assert code(answer) == (401, "api_key_unknown")


@on_sqlite
def test_a_key_does_what_its_scope_says_and_no_more(
    people: People, tenants: Tenants, engine: Engine, workspace_id: str
) -> None:
    key = tenants.api_key(workspace_id)

    def allowed() -> set[Permission]:
        return {one for one in Permission if with_key(people, "acme-co", key, one, "POST").status_code == 200}

    looking = (Permission.VIEW_DASHBOARDS, Permission.VIEW_AUDIT_LOG, Permission.VIEW_DEVICES, Permission.VIEW_BILLS)
    assert allowed() == set(looking)
    with transaction(engine) as session:
        session.execute(update(ApiKey).values(scope="scim"))
    assert allowed() == {Permission.MANAGE_DIRECTORY}


def test_the_last_use_of_a_key_is_noted_at_most_once_a_minute(
    people: People, tenants: Tenants, engine: Engine, clock: FixedClock, workspace_id: str
) -> None:
    key = tenants.api_key(workspace_id)
    noted: list[int | None] = []
    for seconds in (0, 30, 31):
        clock.advance(timedelta(seconds=seconds))
        with_key(people, "acme-co", key)
        with reading(engine) as session:
            noted.append(session.scalar(select(ApiKey.last_used_at_us)))
    assert noted[0] == noted[1]
    assert noted[2] == to_micros(clock.now())


# A form or a plain text is what another site's page can make a browser send without asking first.
FORGED = (
    ({"Origin": "https://evil.example"}, "cross_site"),
    ({"Origin": "null"}, "cross_site"),
    ({"Origin": "http://testserver"}, "cross_site"),
    ({"Origin": "https://testserver:444"}, "cross_site"),
    ({"Origin": "https://testserver.evil.example"}, "cross_site"),
    ({"Origin": "https://[testserver"}, "cross_site"),
    ({"Origin": ""}, "cross_site"),
    ({FORM_HEADER: "0" * 64}, "form_token"),
    ({FORM_HEADER: ""}, "form_token"),
    ({FORM_HEADER: "", "Content-Type": "application/x-www-form-urlencoded"}, "form_token"),
    ({FORM_HEADER: "", "Content-Type": "multipart/form-data; boundary=x"}, "form_token"),
    ({FORM_HEADER: "", "Content-Type": "text/plain"}, "form_token"),
)


@on_sqlite
def test_a_change_by_cookie_needs_our_origin_and_our_token(people: People, tenants: Tenants) -> None:
    admin = people.member(tenants.workspace(), "a@acme.co", Role.ADMIN)
    for headers, refusal in FORGED:
        assert code(asked(admin, "acme-co", EDIT, "POST", headers=headers)) == (403, refusal), headers
        assert asked(admin, "acme-co", EDIT, "GET", headers=headers).status_code == 200
    assert asked(admin, "acme-co", EDIT, "POST").status_code == 200


@on_sqlite
def test_a_change_without_origin_is_taken_only_when_the_browser_vouches_for_the_page(
    people: People, tenants: Tenants
) -> None:
    admin = people.member(tenants.workspace(), "a@acme.co", Role.ADMIN)
    for site, status in ((None, 403), ("cross-site", 403), ("same-site", 403), ("none", 403), ("same-origin", 200)):
        headers = {FORM_HEADER: admin.form_token} | ({"Sec-Fetch-Site": site} if site else {})
        answer = admin.client.post(f"/v1/acme-co/probe/{EDIT.value}", headers=headers)
        assert answer.status_code == status, site


@on_sqlite
def test_the_token_of_one_session_is_of_no_use_to_another(people: People, tenants: Tenants) -> None:
    workspace_id = tenants.workspace()
    admin, other = (people.member(workspace_id, f"{name}@acme.co", Role.ADMIN) for name in "ab")
    answer = asked(admin, "acme-co", EDIT, "POST", headers={FORM_HEADER: other.form_token})
    assert code(answer) == (403, "form_token")


@on_sqlite
def test_behind_a_proxy_the_public_address_is_an_origin_of_ours(
    people: People, tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = people.member(tenants.workspace(), "a@acme.co", Role.ADMIN)
    headers = {"Origin": "https://meter.example"}
    assert asked(admin, "acme-co", EDIT, "POST", headers=headers).status_code == 403
    for public in ("https://meter.example/", "https://METER.example:443"):
        monkeypatch.setenv("HALTON_PUBLIC_URL", public)
        assert asked(admin, "acme-co", EDIT, "POST", headers=headers).status_code == 200
    assert asked(admin, "acme-co", EDIT, "POST", headers={"Origin": BASE_URL}).status_code == 200
