"""What follows a sign-in: a first workspace, or none; the way on; and sessions that end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from api.access.browser_sessions import SESSION_COOKIE, digest, new_browser_secret
from api.audit import verify_chain
from api.db.models import AuditRecord, BrowserSession, FormerMembership, Membership, Plan, Role, User, Workspace
from api.db.session import reading, transaction
from api.pages.me import browser_words
from api.pages.shell import WORKSPACE_COOKIE
from api.workspaces import RESERVED_SLUGS
from pipelines.lake.clock import FixedClock, to_micros
from tests.api.conftest import Browser, People, Tenants
from tests.api.sign_in.conftest import Arrivals
from tests.conftest import on_sqlite


def workspaces(engine: Engine) -> dict[str, tuple[str, str, str]]:
    """Slug -> name, plan, owner."""
    query = (
        select(Workspace.slug, Workspace.name, Workspace.plan, User.email)
        .join(Membership, Membership.workspace_id == Workspace.id)
        .join(User, User.id == Membership.user_id)
        .where(Membership.role == Role.OWNER.value)
    )
    with reading(engine) as session:
        return {row.slug: (row.name, row.plan, row.email) for row in session.execute(query)}


def plant(browser: Browser, cookie: str) -> None:
    browser.client.cookies.set(SESSION_COOKIE, cookie, domain="testserver.local", path="/")


def test_a_newcomer_owns_a_first_workspace_on_solo_named_after_the_domain(
    browser: Browser, people: People, arrivals: Arrivals, engine: Engine
) -> None:
    arrivals.by_link(browser, "vk@acme.co")
    assert workspaces(engine) == {"acme-co": ("acme.co", Plan.SOLO, "vk@acme.co")}
    assert browser.get("/").headers["location"] == "/acme-co/overview"
    arrivals.by_code(people.nobody(), "vk@acme.co")
    assert len(workspaces(engine)) == 1, "the second sign-in is none of a newcomer"
    arrivals.by_code(people.nobody(), "second@acme.co")
    arrivals.by_code(people.nobody(), "vk+x@gmail.com")
    assert workspaces(engine) == {
        "acme-co": ("acme.co", Plan.SOLO, "vk@acme.co"),
        "acme-co-2": ("acme.co", Plan.SOLO, "second@acme.co"),
        "vk": ("vk", Plan.SOLO, "vk+x@gmail.com"),
    }
    with reading(engine) as session:
        first = session.scalars(select(Workspace).where(Workspace.slug == "acme-co")).one()
        actors = session.scalars(select(AuditRecord.actor_id).where(AuditRecord.workspace_id == first.id))
        assert set(actors) == {"vk@acme.co"}
        assert verify_chain(session, first.id).differences == []


@on_sqlite
def test_a_reserved_word_is_no_slug_of_a_first_workspace(browser: Browser, arrivals: Arrivals, engine: Engine) -> None:
    assert "admin" in RESERVED_SLUGS
    arrivals.by_link(browser, "admin@gmail.com")
    assert list(workspaces(engine)) == ["admin-2"]


def test_who_comes_to_accept_an_invitation_gets_no_workspace_of_their_own(
    browser: Browser, arrivals: Arrivals, engine: Engine
) -> None:
    assert arrivals.by_link(browser, onward="/invitations/abc").headers["location"] == "/invitations/abc"
    assert workspaces(engine) == {}
    page = browser.get("/")
    assert page.status_code == 200
    assert "You belong to no workspace" in page.text
    assert browser.post_form("/signup").headers["location"] == "/acme-co/overview"
    assert browser.post_form("/signup").status_code == 409
    assert list(workspaces(engine)) == ["acme-co"]


def test_members_and_removed_members_are_no_newcomers(
    people: People, tenants: Tenants, arrivals: Arrivals, engine: Engine, clock: FixedClock
) -> None:
    workspace_id = tenants.workspace()
    people.member(workspace_id, "member@acme.co")
    arrivals.by_link(member := people.nobody(), "member@acme.co")
    assert member.get("/").headers["location"] == "/acme-co/overview"
    removed = people.sign_in("removed@acme.co")
    with transaction(engine) as session:
        session.add(
            FormerMembership(workspace_id=workspace_id, user_id=removed.user_id, removed_at_us=to_micros(clock.now()))
        )
    arrivals.by_link(again := people.nobody(), "removed@acme.co")
    assert list(workspaces(engine)) == ["acme-co"]
    assert "You belong to no workspace" in again.get("/").text


def test_two_first_sign_ins_at_once_make_one_workspace(people: People, arrivals: Arrivals, engine: Engine) -> None:
    browsers = [people.nobody() for _ in range(5)]
    tokens = [arrivals.ask(browser).token for browser in browsers]
    with ThreadPoolExecutor(5) as threads:
        answers = threads.map(
            lambda pair: pair[0].post_form("/signin/link", {"token": pair[1]}), zip(browsers, tokens, strict=True)
        )
        assert [answer.status_code for answer in answers] == [303] * 5
    assert list(workspaces(engine)) == ["acme-co"]
    with reading(engine) as session:
        assert len(session.scalars(select(User)).all()) == 1


@on_sqlite
def test_home_leads_to_the_workspace_looked_at_last(
    people: People, tenants: Tenants, browser: Browser, clock: FixedClock
) -> None:
    assert browser.get("/").headers["location"] == "/signin"
    first, second = tenants.workspace("First"), tenants.workspace("Second")
    person = people.member(first, "vk@acme.co", Role.OWNER)
    assert person.get("/").headers["location"] == "/first/overview"
    person.client.cookies.set(WORKSPACE_COOKIE, second, domain="testserver.local", path="/")
    assert person.get("/").headers["location"] == "/second/overview"
    foreign = tenants.workspace("Foreign")
    stranger = people.member(first, "other@acme.co")
    for planted in (foreign, "x", "\\", "9" * 4_000):
        stranger.client.cookies.set(WORKSPACE_COOKIE, planted, domain="testserver.local", path="/")
        assert stranger.get("/").headers["location"] == "/first/overview"


@on_sqlite
def test_a_session_known_before_the_sign_in_is_worth_nothing_after(
    browser: Browser, people: People, arrivals: Arrivals
) -> None:
    planted = new_browser_secret()
    plant(browser, planted)
    arrivals.by_link(browser)
    session = browser.client.cookies.get(SESSION_COOKIE, domain="testserver.local")
    assert session not in {None, planted}
    thief = people.nobody()
    plant(thief, planted)
    assert thief.get("/me").headers["location"].startswith("/signin")


@on_sqlite
def test_signing_in_again_ends_the_session_the_browser_had(people: People, arrivals: Arrivals) -> None:
    browser = people.sign_in("first@acme.co")
    earlier = browser.client.cookies[SESSION_COOKIE]
    mail_browser = people.nobody()
    mail_browser.get("/signin")
    browser.client.cookies.update(mail_browser.client.cookies)
    browser.post_form("/signin", {"email": "second@acme.co", "next": ""})
    assert browser.post_form("/signin/link", {"token": arrivals.mailbox.newest().token}).status_code == 303
    assert "second@acme.co" in browser.get("/me").text
    thief = people.nobody()
    plant(thief, earlier)
    assert thief.get("/me").status_code == 303


@on_sqlite
def test_signing_out_ends_the_session_at_once_and_twice_is_no_fault(people: People) -> None:
    browser = people.sign_in("vk@acme.co")
    kept = browser.client.cookies[SESSION_COOKIE]
    assert browser.post_form("/signout").headers["location"] == "/signin?done=signed_out"
    assert SESSION_COOKIE not in browser.client.cookies
    plant(browser, kept)
    assert browser.get("/me").status_code == 303
    assert browser.post_form("/signout").status_code == 403
    page = browser.get("/signin?done=signed_out")
    assert "You are signed out." in page.text
    assert "<script>" not in browser.get("/signin?done=%3Cscript%3E").text


@on_sqlite
def test_a_form_of_a_browser_whose_session_ended_still_works(
    people: People, arrivals: Arrivals, clock: FixedClock
) -> None:
    browser = people.sign_in("vk@acme.co")
    clock.advance(timedelta(days=15))
    page = browser.get("/signin")
    assert page.status_code == 200
    assert SESSION_COOKIE not in browser.client.cookies, "the dead cookie is taken away"
    assert browser.post_form("/signin", {"email": "vk@acme.co", "next": ""}).status_code == 303


def test_a_person_sees_and_ends_their_own_sessions_and_nobody_elses(people: People, engine: Engine) -> None:
    here, there, third = (people.sign_in("vk@acme.co") for _ in range(3))
    other = people.sign_in("other@acme.co")

    def id_of(browser: Browser) -> str:
        with reading(engine) as session:
            cookie = digest(browser.client.cookies[SESSION_COOKIE])
            return session.scalars(select(BrowserSession.id).where(BrowserSession.token_sha256 == cookie)).one()

    assert "3 browsers signed in" in here.get("/me").text
    assert here.post_form(f"/me/sessions/{id_of(there)}/end").headers["location"] == "/me?done=ended"
    assert there.get("/me").status_code == 303
    for unknown in (id_of(other), id_of(there), "x", "\u202e"):
        assert here.post_form(f"/me/sessions/{unknown}/end").status_code == 404
    assert other.get("/me").status_code == 200
    assert here.post_form("/me/sessions/end-others").headers["location"] == "/me?done=others_ended"
    assert (third.get("/me").status_code, here.get("/me").status_code) == (303, 200)
    assert other.get("/me").status_code == 200


@on_sqlite
def test_a_name_is_kept_shown_escaped_and_refused_with_what_was_typed(people: People) -> None:
    browser = people.sign_in("vk@acme.co")
    assert browser.post_form("/me/name", {"name": "<b>Vik</b>"}).headers["location"] == "/me?done=renamed"
    assert 'value="&lt;b&gt;Vik&lt;/b&gt;"' in browser.get("/me").text
    refused = browser.post_form("/me/name", {"name": "evil\u202egnp"})
    assert refused.status_code == 422
    assert "printable characters" in refused.text
    assert browser.post_form("/me/name", {"name": "x", "email": "eve@acme.co"}).status_code == 422
    assert browser.post_form("/me/name", {"name": ""}).status_code == 303


@on_sqlite
def test_pages_of_an_account_lead_to_the_sign_in_and_back(browser: Browser, arrivals: Arrivals) -> None:
    assert browser.get("/me?done=x").headers["location"] == "/signin?next=%2Fme%3Fdone%3Dx"
    for path in ("/me/name", "/me/sessions/end-others", "/me/sessions/x/end", "/signup"):
        assert browser.post_form(path).status_code in {401, 403}
    answer = arrivals.by_link(browser, onward="/me?done=x")
    assert answer.headers["location"] == "/me?done=x"
    assert browser.get("/signin?next=/me").headers["location"] == "/me"
    assert browser.get("/signin?next=//evil.example").headers["location"] == "/"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0", "Edge on Windows"),
        ("curl/8.5", "A browser"),
        ("", "A browser"),
    ],
)  # fmt: skip
def test_browsers_are_called_what_people_call_them(user_agent: str, words: str) -> None:
    assert browser_words(user_agent) == words
