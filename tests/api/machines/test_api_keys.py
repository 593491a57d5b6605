"""API keys: made, listed, rotated, revoked, as JSON, on the page and by the operator."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select
from starlette.testclient import TestClient

from api.access.permissions import KeyScope
from api.api_keys import issue_api_key, revoke_api_key, rotate_api_key
from api.audit import Actor, ActorType
from api.db.models import ApiKey, AuditRecord, Plan, Role, Workspace
from api.db.session import reading, transaction
from pipelines.lake.clock import FixedClock, to_micros
from tests.api.conftest import Browser, People, Tenants
from tests.conftest import on_sqlite

SECRET = re.compile(r"hm_api_[0-9A-Za-z]{36}")
KEYS = "/v1/acme-co/api-keys"


@pytest.fixture
def admin(people: People, workspace_id: str) -> Browser:
    return people.member(workspace_id, "admin@acme.co", Role.ADMIN)


@pytest.fixture
def owner(people: People, workspace_id: str) -> Browser:
    return people.member(workspace_id, "vk@acme.co", Role.OWNER)


def opens(client: TestClient, secret: str) -> int:
    return client.get("/v1/acme-co/devices", headers={"Authorization": f"Bearer {secret}"}).status_code


def make(browser: Browser, name: str = "notebook", **fields: str) -> dict[str, str]:
    made = browser.json("POST", KEYS, {"name": name, **fields})
    assert made.status_code == 201, made.text
    assert made.headers["cache-control"] == "no-store"
    return {"secret": made.json()["secret"], "id": made.json()["api_key"]["id"]}


def test_a_key_is_made_told_once_listed_rotated_and_revoked(
    admin: Browser, client: TestClient, clock: FixedClock, engine: Engine
) -> None:
    key = make(admin)
    assert SECRET.fullmatch(key["secret"])
    assert opens(client, key["secret"]) == 200
    clock.advance(timedelta(minutes=5))
    rotated = admin.json("POST", f"{KEYS}/{key['id']}/rotate")
    assert rotated.status_code == 200
    assert rotated.headers["cache-control"] == "no-store"
    fresh = rotated.json()["secret"]
    assert (opens(client, key["secret"]), opens(client, fresh)) == (401, 200)
    listed = admin.json("GET", KEYS)
    assert SECRET.search(listed.text) is None
    (shown,) = listed.json()["api_keys"]
    assert shown == {
        "id": key["id"], "name": "notebook", "scope": "read", "created_at": "2026-07-01T12:00:00Z",
        "created_by": "admin@acme.co", "rotated_at": "2026-07-01T12:05:00Z",
        "last_used_at": "2026-07-01T12:05:00Z", "revoked_at": None,
    }  # fmt: skip
    for _ in range(2):
        assert admin.json("DELETE", f"{KEYS}/{key['id']}").status_code == 204
    assert opens(client, fresh) == 401
    again = admin.json("POST", f"{KEYS}/{key['id']}/rotate")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "api_key_revoked")
    with reading(engine) as session:
        query = select(AuditRecord.event, AuditRecord.actor_id, AuditRecord.details)
        recorded = session.execute(query.where(AuditRecord.resource_type == "api_key")).all()
    said = '{"name":"notebook","scope":"read"}'
    assert [tuple(one) for one in recorded] == [
        (event, "admin@acme.co", said) for event in ("api_key.created", "api_key.rotated", "api_key.revoked")
    ]


def test_no_secret_stands_in_the_database(admin: Browser, engine: Engine) -> None:
    secrets = [make(admin)["secret"]]
    with reading(engine) as session:
        (key,) = session.scalars(select(ApiKey)).all()
        (event,) = session.scalars(select(AuditRecord).where(AuditRecord.event == "api_key.created")).all()
        for row in (key, event):
            kept = " ".join(str(getattr(row, column.key)) for column in row.__table__.columns)
            assert not [secret for secret in secrets if secret[7:37] in kept]


@on_sqlite
def test_members_and_keys_make_no_keys(people: People, admin: Browser, client: TestClient, workspace_id: str) -> None:
    key = make(admin)
    member = people.member(workspace_id, "m@acme.co")
    for method, path in (("POST", KEYS), ("POST", f"{KEYS}/{key['id']}/rotate"), ("DELETE", f"{KEYS}/{key['id']}")):
        body = {"name": "x"} if path == KEYS else None
        assert member.json(method, path, body).status_code == 403
        by_key = client.request(method, path, json=body, headers={"Authorization": f"Bearer {key['secret']}"})
        assert by_key.status_code == 403
    refused = client.get(KEYS, headers={"Authorization": f"Bearer {key['secret']}"})
    assert refused.status_code == 403
    assert refused.json()["error"]["message"].startswith("API keys only read dashboards")
    page = member.get("/acme-co/settings/advanced")
    assert "Owners and Admins make and revoke keys." in page.text
    assert "/rotate" not in page.text
    assert member.post_form("/acme-co/settings/advanced", {"name": "x", "scope": "read"}).status_code == 403


@on_sqlite
def test_a_key_of_another_workspace_is_an_absent_one(admin: Browser, people: People, tenants: Tenants) -> None:
    key = make(admin)
    other = people.member(tenants.workspace("Other"), "o@other.co", Role.OWNER)
    answers = set()
    for wanted in (key["id"], "00000000-0000-4000-8000-000000000000"):
        base = f"/other/settings/advanced/{wanted}"
        found = [
            other.json("POST", f"/v1/other/api-keys/{wanted}/rotate"),
            other.json("DELETE", f"/v1/other/api-keys/{wanted}"),
            other.get(f"{base}/rotate"),
            other.get(f"{base}/revoke"),
            other.post_form(f"{base}/rotate"),
            other.post_form(f"{base}/revoke"),
        ]
        answers.add(tuple((one.status_code, one.text) for one in found))
    assert len(answers) == 1
    assert {status for status, _ in next(iter(answers))} == {404}


@on_sqlite
def test_keys_of_the_directory_are_an_owners_on_enterprise(
    admin: Browser, owner: Browser, workspace_id: str, engine: Engine
) -> None:
    early = owner.json("POST", KEYS, {"name": "okta", "scope": "scim"})
    assert (early.status_code, early.json()["error"]["code"]) == (409, "plan_has_no_directory")
    assert 'value="scim"' not in owner.get("/acme-co/settings/advanced").text
    with transaction(engine) as session:
        session.get_one(Workspace, workspace_id).plan = Plan.ENTERPRISE.value
    assert 'value="scim"' in owner.get("/acme-co/settings/advanced").text
    assert 'value="scim"' not in admin.get("/acme-co/settings/advanced").text
    refused = admin.json("POST", KEYS, {"name": "okta", "scope": "scim"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_allowed")
    key = make(owner, "okta", scope="scim")
    assert admin.json("POST", f"{KEYS}/{key['id']}/rotate").status_code == 403
    assert admin.json("DELETE", f"{KEYS}/{key['id']}").status_code == 403
    assert f"{key['id']}/revoke" not in admin.get("/acme-co/settings/advanced").text
    assert owner.json("POST", f"{KEYS}/{key['id']}/rotate").status_code == 200
    assert owner.json("DELETE", f"{KEYS}/{key['id']}").status_code == 204


@on_sqlite
@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": "x" * 256}, {"name": "a\u202eb"}, {"name": "x", "scope": "write"},
             {"name": "x", "workspace_id": "y"}, {"name": "x", "created_by": "eve@acme.co"}],
)  # fmt: skip
def test_other_messages_are_refused(body: object, admin: Browser) -> None:
    assert admin.json("POST", KEYS, body).status_code == 422


@on_sqlite
def test_the_page_shows_a_secret_once(admin: Browser, client: TestClient) -> None:
    path = "/acme-co/settings/advanced"
    assert "No API key yet" in admin.get(path).text
    moved = admin.get("/acme-co/settings/api-keys")
    assert (moved.status_code, moved.headers["location"]) == (303, path)
    empty = admin.post_form(path, {"name": " ", "scope": "read"})
    assert empty.status_code == 422
    assert 'aria-invalid="true"' in empty.text
    assert admin.post_form(path, {"name": "x", "scope": "root"}).status_code == 422
    made = admin.post_form(path, {"name": "<b>notebook</b>", "scope": "read"})
    assert made.status_code == 200
    assert made.headers["cache-control"] == "no-store"
    (secret,) = set(SECRET.findall(made.text))
    assert "<b>notebook" not in made.text
    assert opens(client, secret) == 200
    listed = admin.get(path).text
    assert secret not in listed
    assert "by admin@acme.co" in listed
    assert "<b>notebook" not in listed
    (rotate,) = re.findall(r'href="([^"]+/rotate)"', listed)
    assert "Rotate “&lt;b&gt;notebook" in admin.get(rotate).text
    assert opens(client, secret) == 200, "asking rotates nothing"
    rotated = admin.post_form(rotate)
    (fresh,) = set(SECRET.findall(rotated.text))
    assert (opens(client, secret), opens(client, fresh)) == (401, 200)
    revoke = rotate.replace("/rotate", "/revoke")
    assert "Revoke “" in admin.get(revoke).text
    assert admin.post_form(revoke).headers["location"] == f"{path}?done=revoked"
    assert opens(client, fresh) == 401
    assert "The key was revoked." in admin.get(f"{path}?done=revoked").text


@on_sqlite
def test_in_a_read_only_workspace_keys_end_but_none_begins(
    admin: Browser, engine: Engine, workspace_id: str, clock: FixedClock
) -> None:
    key = make(admin)
    with transaction(engine) as session:
        session.get_one(Workspace, workspace_id).deletion_requested_at_us = to_micros(clock.now())
    for refused in (admin.json("POST", KEYS, {"name": "x"}), admin.json("POST", f"{KEYS}/{key['id']}/rotate")):
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "workspace_read_only")
    page = admin.get("/acme-co/settings/advanced").text
    assert "Make a key" not in page
    assert "/revoke" in page
    assert admin.json("DELETE", f"{KEYS}/{key['id']}").status_code == 204


def test_two_rotations_at_once_leave_one_secret_that_works(
    tenants: Tenants, workspace_id: str, engine: Engine, clock: FixedClock, client: TestClient
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    actor = Actor(ActorType.USER, "vk@acme.co")
    with transaction(engine) as session:
        made = issue_api_key(
            session, workspace_id, name="k", scope=KeyScope.READ, role=Role.OWNER, actor=actor, at=clock.now()
        )

    def rotate(_number: int) -> str:
        with transaction(engine) as session:
            return rotate_api_key(
                session, workspace_id, made.key.id, role=Role.OWNER, actor=actor, at=clock.now()
            ).secret

    with ThreadPoolExecutor(4) as pool:
        secrets = list(pool.map(rotate, range(6)))
    assert sorted(opens(client, secret) for secret in [made.secret, *secrets]) == [200] + [401] * 6
    with transaction(engine) as session:
        revoke_api_key(session, workspace_id, made.key.id, role=Role.OWNER, actor=actor, at=clock.now())
    assert {opens(client, secret) for secret in secrets} == {401}


@on_sqlite
def test_the_operator_lists_rotates_and_revokes(
    client: TestClient, workspace_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import logging.config

    from click.testing import CliRunner

    from api.cli.main import cli

    monkeypatch.setattr(logging.config, "dictConfig", lambda _: None)

    def run(*arguments: str) -> dict[str, object]:
        command = ["api-key", *arguments, "--workspace", "acme-co"]
        return json.loads(CliRunner().invoke(cli, command, catch_exceptions=False).stdout)

    made = run("create", "--name", "cron")
    assert opens(client, str(made["api_key"])) == 200
    rotated = run("rotate", str(made["id"]))
    assert (opens(client, str(made["api_key"])), opens(client, str(rotated["api_key"]))) == (401, 200)
    assert run("revoke", str(made["id"])) == {"id": made["id"], "revoked": True}
    assert opens(client, str(rotated["api_key"])) == 401
    (listed,) = run("list")["api_keys"]  # pyright: ignore[reportGeneralTypeIssues]
    assert (listed["name"], listed["created_by"]) == ("cron", "operator")
    assert listed["revoked_at"] is not None
