"""Approving and denying pairings: the page `/connect`, its JSON, and the limits that keep guessers away."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine, select
from starlette.testclient import TestClient

from api.db.models import AuditRecord, Device, PairingSession, Role, Workspace
from api.db.session import reading, transaction
from api.pages.shell import WORKSPACE_COOKIE
from api.pairing.codes import ALPHABET
from api.rate_limits import RateLimits
from pipelines.lake.clock import FixedClock, to_micros
from tests.api.conftest import GREETING, Browser, Machine, People, Tenants
from tests.conftest import on_sqlite

HOSTILE = "<script>alert(1)</script>\"'&\u202egnp.exe\u2066{{ 7*7 }}"


@pytest.fixture
def member(people: People, workspace_id: str) -> Browser:
    return people.member(workspace_id, "ada@acme.co")


@pytest.fixture
def waiting(machine: Machine) -> Machine:
    machine.start()
    return machine


def decide(browser: Browser, machine: Machine, decision: str = "approve", workspace: str = "acme-co"):
    return browser.post_form("/connect", {"code": machine.code, "workspace": workspace, "decision": decision})


def state(engine: Engine) -> str:
    with reading(engine) as session:
        return session.scalars(select(PairingSession.state)).one()


def test_a_member_approves_on_the_page_and_the_daemon_is_told_by_whom(
    member: Browser, waiting: Machine, engine: Engine, workspace_id: str
) -> None:
    page = member.get(f"/connect?code={waiting.code}")
    assert page.status_code == 200, page.text
    for told in ("vk.local", "Darwin", "0.6.4", "testclient", "just now", "Only approve a code", "will appear there"):
        assert told in page.text
    assert waiting.poll() == {"status": "pending"}, "looking approves nothing"
    approved = decide(member, waiting)
    assert (approved.status_code, approved.headers["location"]) == (303, "/acme-co/settings/devices?done=paired")
    assert "was let in" in member.get(approved.headers["location"]).text
    told = waiting.poll()
    assert (told["status"], told["workspace_name"], told["approved_by"]) == ("approved", "Acme Co", "ada@acme.co")
    with reading(engine) as session:
        query = select(AuditRecord.event, AuditRecord.actor_type, AuditRecord.actor_id).where(
            AuditRecord.event.in_(["pairing.approved", "device.paired"])
        )
        recorded = {tuple(row) for row in session.execute(query)}
    assert recorded == {("pairing.approved", "user", "ada@acme.co"), ("device.paired", "user", "ada@acme.co")}


def test_denying_tells_the_daemon(member: Browser, waiting: Machine) -> None:
    denied = decide(member, waiting, "deny")
    assert denied.headers["location"] == "/connect?done=denied"
    assert "turned away" in member.get("/connect?done=denied").text
    assert waiting.poll() == {"status": "denied"}


@on_sqlite
@pytest.mark.parametrize("typed", ["{lower}", "{plain}", " {spaced} ", "{dashed}"])
def test_case_spaces_and_dashes_do_not_matter(typed: str, member: Browser, waiting: Machine) -> None:
    plain = waiting.code.replace("-", "")
    given = typed.format(
        lower=waiting.code.lower(), plain=plain, spaced=" ".join(plain.lower()), dashed="-".join(plain)
    )
    assert "vk.local" in member.client.get("/connect", params={"code": given}, headers={"Accept": "text/html"}).text
    answered = member.post_form("/connect", {"code": given, "workspace": "acme-co", "decision": "approve"})
    assert answered.status_code == 303


@on_sqlite
def test_json_approves_and_denies(
    client: TestClient, people: People, workspace_id: str, waiting: Machine, tenants: Tenants
) -> None:
    owner = people.member(workspace_id, "vk@acme.co", Role.OWNER)
    answered = owner.json("POST", "/v1/acme-co/pairings/approve", {"code": waiting.code.lower()})
    told = waiting.poll()
    assert answered.json() == {"machine_id": told["machine_id"], "hostname": "vk.local", "platform": "Darwin"}
    other = Machine(client)
    other.start()
    assert owner.json("POST", "/v1/acme-co/pairings/deny", {"code": other.code}).json() == {"denied": True}
    assert other.poll() == {"status": "denied"}
    again = owner.json("POST", "/v1/acme-co/pairings/approve", {"code": other.code})
    assert (again.status_code, again.json()["error"]["code"]) == (404, "pairing_code_not_found")
    extra = owner.json("POST", "/v1/acme-co/pairings/approve", {"code": other.code, "role": "owner"})
    assert extra.status_code == 422
    headers = {"Authorization": f"Bearer {tenants.api_key(workspace_id)}"}
    by_key = client.post("/v1/acme-co/pairings/approve", json={"code": other.code}, headers=headers)
    assert by_key.status_code == 403


@on_sqlite
def test_a_code_nobody_shows_is_not_found(member: Browser, waiting: Machine, clock: FixedClock) -> None:
    for wrong in ("ZZZZ-ZZZZ", "nonsense", "0OIL-0000", "x" * 500, "%00"):
        page = member.get(f"/connect?code={wrong}")
        assert page.status_code == 404
        assert "<h1>Code not found</h1>" in page.text
        assert "x" * 65 not in page.text
    clock.advance(timedelta(minutes=10))
    assert "Code not found" in member.get(f"/connect?code={waiting.code}").text
    assert "Code not found" in decide(member, waiting).text


@on_sqlite
@pytest.mark.parametrize("way", ["page", "form", "json"])
def test_a_code_burns_after_five_misses_by_whatever_way(
    way: str, member: Browser, waiting: Machine, engine: Engine
) -> None:
    wrong = [waiting.code[:-1] + letter for letter in ALPHABET if letter != waiting.code[-1]]
    ask = {
        "page": lambda code: member.get(f"/connect?code={code}"),
        "form": lambda code: member.post_form(
            "/connect", {"code": code, "workspace": "acme-co", "decision": "approve"}
        ),
        "json": lambda code: member.json("POST", "/v1/acme-co/pairings/approve", {"code": code}),
    }[way]
    for guess in wrong[:4]:
        assert ask(guess).status_code == 404
    assert state(engine) == "pending"
    assert ask(wrong[4]).status_code == 404
    assert state(engine) == "burned"
    assert waiting.poll() == {"status": "expired"}
    assert decide(member, waiting).status_code == 404


@on_sqlite
def test_an_account_may_name_only_so_many_codes(member: Browser, people: People, clock: FixedClock) -> None:
    seen = [member.get("/connect?code=ZZZZ-ZZZZ").status_code for _ in range(16)]
    assert seen == [404] * 15 + [429]
    refused = member.json("POST", "/v1/acme-co/pairings/approve", {"code": "ZZZZ-ZZZZ"})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    fields = {"code": "ZZZZ-ZZZZ", "workspace": "acme-co", "decision": "deny"}
    assert member.post_form("/connect", fields).status_code == 429
    colleague = people.sign_in("grace@acme.co")
    assert colleague.get("/connect?code=ZZZZ-ZZZZ").status_code == 404, "another account goes on"
    assert member.get("/connect").status_code == 200, "the empty form is free"
    clock.advance(timedelta(minutes=1))
    assert member.get("/connect?code=ZZZZ-ZZZZ").status_code == 404


@on_sqlite
def test_an_address_may_name_only_so_many_codes_whatever_the_account(people: People) -> None:
    statuses = [
        people.sign_in(f"guesser-{number // 12}@evil.example").get("/connect?code=ZZZZ-ZZZZ").status_code
        for number in range(61)
    ]
    assert statuses == [404] * 60 + [429]


@on_sqlite
def test_all_addresses_together_may_name_only_so_many_codes(member: Browser, people: People, clock: FixedClock) -> None:
    limits: RateLimits = people.app.state.rate_limits
    for number in range(300):
        limits.pairing_code.admit(f"2001:db8::{number:x}")
    assert member.get("/connect?code=ZZZZ-ZZZZ").status_code == 429
    assert member.json("POST", "/v1/acme-co/pairings/deny", {"code": "ZZZZ-ZZZZ"}).status_code == 429
    clock.advance(timedelta(seconds=1))
    assert member.get("/connect?code=ZZZZ-ZZZZ").status_code == 404


@on_sqlite
def test_who_is_not_signed_in_comes_back_after_signing_in(browser: Browser, waiting: Machine) -> None:
    led = browser.get(f"/connect?code={waiting.code}")
    assert (led.status_code, led.headers["location"]) == (303, f"/signin?next=%2Fconnect%3Fcode%3D{waiting.code}")
    assert browser.post_form("/connect", {"code": waiting.code}).status_code in {401, 403}
    assert waiting.poll() == {"status": "pending"}


@on_sqlite
def test_another_sites_form_approves_nothing(member: Browser, waiting: Machine) -> None:
    fields = {"code": waiting.code, "workspace": "acme-co", "decision": "approve"}
    assert member.post_form("/connect", fields, headers={"Origin": "https://evil.example"}).status_code == 403
    assert member.post_form("/connect", {**fields, "form_token": "0" * 64}).status_code == 403
    assert member.post_form("/connect", {**fields, "approver": "x"}).status_code == 422
    assert member.post_form("/connect", {**fields, "decision": "maybe"}).status_code == 422
    assert waiting.poll() == {"status": "pending"}


@on_sqlite
def test_only_a_workspace_of_ones_own_can_be_chosen(
    member: Browser, waiting: Machine, tenants: Tenants, engine: Engine, clock: FixedClock, workspace_id: str
) -> None:
    tenants.workspace("Other")
    foreign, absent = decide(member, waiting, workspace="other"), decide(member, waiting, workspace="nothing")
    assert foreign.status_code == absent.status_code == 404
    assert foreign.text == absent.text
    with transaction(engine) as session:
        session.get_one(Workspace, workspace_id).deletion_requested_at_us = to_micros(clock.now())
    assert decide(member, waiting).status_code == 409
    offered = member.get(f"/connect?code={waiting.code}").text
    assert "You belong to no workspace that takes machines" in offered
    assert member.get("/new").status_code == 200, "where the page leads"
    assert 'href="/new">Create one' in offered
    assert waiting.poll() == {"status": "pending"}


@on_sqlite
def test_the_machines_wish_chooses_the_workspace_else_the_last_one_used(
    client: TestClient, people: People, tenants: Tenants, workspace_id: str
) -> None:
    member = people.member(workspace_id, "ada@acme.co")
    other_id = tenants.workspace("Other")
    people.member(other_id, "ada@acme.co")
    wishing = Machine(client, {**GREETING, "workspace": "other"})
    url = urlsplit(wishing.start().json()["pairing_url"])

    def chosen(path: str) -> list[str]:
        return re.findall(r'<option value="([^"]+)" selected>', member.get(path).text)

    assert chosen(f"{url.path}?{url.query}") == ["other"]
    assert chosen(f"/connect?code={wishing.code}") == []
    member.client.cookies.set(WORKSPACE_COOKIE, other_id, domain="testserver.local", path="/")
    assert chosen(f"/connect?code={wishing.code}") == ["other"]
    assert chosen(f"/connect?code={wishing.code}&workspace=acme-co") == ["acme-co"]
    foreign = member.get(f"/connect?code={wishing.code}&workspace=not-mine").text
    assert "which you do not belong to" in foreign
    assert "pay me" not in member.get(f"/connect?code={wishing.code}&workspace=pay me").text


@on_sqlite
def test_what_a_hostile_machine_calls_itself_is_inert(client: TestClient, member: Browser, engine: Engine) -> None:
    greeting = {**GREETING, "hostname": HOSTILE, "platform": '"><img src=x onerror=1>', "daemon_version": "\u202e<i>"}
    hostile = Machine(client, greeting)
    hostile.start()
    page = member.get(f"/connect?code={hostile.code}").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    for danger in ("<script", "<img src=x", "<i>", "\u202e", "\u2066", "49<"):
        assert danger not in page
    decide(member, hostile)
    with reading(engine) as session:
        assert session.scalars(select(Device.hostname)).one().isprintable()


@on_sqlite
def test_the_code_typed_cannot_become_markup(member: Browser) -> None:
    page = member.client.get("/connect", params={"code": '"><script>1</script>'}, headers={"Accept": "text/html"})
    assert "<script" not in page.text


@on_sqlite
def test_the_operator_sees_pairings_but_no_codes(
    member: Browser, waiting: Machine, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    import logging.config

    from click.testing import CliRunner

    from api.cli.main import cli

    monkeypatch.setattr(logging.config, "dictConfig", lambda _: None)
    decide(member, waiting)
    other = Machine(client)
    other.start()
    done = CliRunner().invoke(cli, ["pairing", "list"], catch_exceptions=False)
    listed = json.loads(done.stdout)["pairings"]
    assert {(one["state"], one["approved_by"]) for one in listed} == {("approved", "ada@acme.co"), ("expired", None)}
    assert waiting.code not in done.stdout
    assert other.code not in done.stdout
