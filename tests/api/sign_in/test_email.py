"""Signing in by e-mail: a link and a code, once, for ten minutes, in the browser that asked."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from api.access.browser_sessions import BROWSER_COOKIE, SESSION_COOKIE
from api.db.models import BrowserSession, SignInAttempt, User
from api.db.session import reading, transaction
from api.errors import Refused
from api.sign_in.attempts import TRIES, prove_by_code
from pipelines.lake.clock import FixedClock
from tests.api.conftest import Browser, People
from tests.api.sign_in.conftest import Arrivals, other, signed_in
from tests.conftest import on_sqlite


def count(engine: Engine, table: Any) -> int:
    with reading(engine) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.mark.parametrize("way", ["by_link", "by_code"])
def test_the_link_and_the_code_each_sign_in_and_lead_on(way: str, browser: Browser, arrivals: Arrivals) -> None:
    answer = getattr(arrivals, way)(browser, "VK@Acme.co", "/connect?code=WXJ4-9KPM")
    assert (answer.status_code, answer.headers["location"]) == (303, "/connect?code=WXJ4-9KPM")
    assert "vk@acme.co" in browser.get("/me").text


@on_sqlite
def test_the_session_cookie_is_out_of_reach_of_scripts_other_sites_and_plain_http(
    browser: Browser, arrivals: Arrivals
) -> None:
    answer = arrivals.by_link(browser)
    cookies = [line for line in answer.headers.get_list("set-cookie") if line.startswith(f"{SESSION_COOKIE}=")]
    assert len(cookies) == 1
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= {part.strip() for part in cookies[0].split(";")}
    assert "Domain" not in cookies[0]


def test_a_mail_signs_in_once_by_whichever_way_comes_first(
    browser: Browser, arrivals: Arrivals, engine: Engine
) -> None:
    mail = arrivals.ask(browser)
    kept = browser.client.cookies[BROWSER_COOKIE]
    assert browser.post_form("/signin/code", {"code": mail.code}).status_code == 303
    again = Browser(browser.client)
    again.client.cookies.clear()
    again.client.cookies.set(BROWSER_COOKIE, kept, domain="testserver.local", path="/")
    assert again.get(f"/signin/link?token={mail.token}").status_code == 410
    assert again.post_form("/signin/link", {"token": mail.token}).status_code == 410
    assert again.post_form("/signin/code", {"code": mail.code}).status_code == 410
    assert not signed_in(again)
    assert count(engine, BrowserSession) == 1


@on_sqlite
def test_opening_the_link_any_number_of_times_changes_nothing_until_its_button_is_pressed(
    browser: Browser, people: People, arrivals: Arrivals, engine: Engine
) -> None:
    mail = arrivals.ask(browser)
    scanner = people.nobody()
    for _ in range(3):
        assert scanner.get(mail.link).status_code == 403
        page = browser.get(mail.link)
        assert page.status_code == 200
        assert SESSION_COOKIE not in page.headers.get("set-cookie", "")
    assert (count(engine, BrowserSession), count(engine, User)) == (0, 0)
    assert not signed_in(browser)
    assert browser.post_form("/signin/link", {"token": mail.token}).status_code == 303
    assert signed_in(browser)


@on_sqlite
def test_another_browser_is_told_what_to_do_and_nothing_else(
    browser: Browser, people: People, arrivals: Arrivals, clock: FixedClock
) -> None:
    mail = arrivals.ask(browser)
    stranger = people.nobody()
    stranger.get("/signin")

    def pages() -> set[str]:
        links = (mail.token, "A" * 43, "", "\u202e x" * 9)
        answers = [stranger.get("/signin/link", params={"token": token}) for token in links]
        answers += [stranger.post_form("/signin/link", {"token": token}) for token in links]
        assert {answer.status_code for answer in answers} == {403}
        return {answer.text for answer in answers}

    fresh = pages()
    assert len(fresh) == 1, "a good link looks to a stranger like one that never was"
    assert "vk@acme.co" not in fresh.pop()
    assert stranger.post_form("/signin/code", {"code": mail.code}).status_code == 410
    clock.advance(timedelta(minutes=11))
    assert len(pages()) == 1
    assert not signed_in(stranger)


@on_sqlite
def test_link_and_code_end_after_ten_minutes(browser: Browser, arrivals: Arrivals, clock: FixedClock) -> None:
    mail = arrivals.ask(browser)
    clock.advance(timedelta(minutes=10) - timedelta(seconds=1))
    assert browser.get(mail.link).status_code == 200
    clock.advance(timedelta(seconds=1))
    assert browser.get(mail.link).status_code == 410
    assert browser.post_form("/signin/link", {"token": mail.token}).status_code == 410
    assert browser.post_form("/signin/code", {"code": mail.code}).status_code == 410
    assert browser.get("/signin/code").headers["location"] == "/signin?done=expired"
    assert not signed_in(browser)


@on_sqlite
def test_a_newer_mail_replaces_the_one_before(browser: Browser, arrivals: Arrivals) -> None:
    older, newer = arrivals.ask(browser), arrivals.ask(browser)
    assert browser.get(older.link).status_code == 410
    if older.code != newer.code:
        assert browser.post_form("/signin/code", {"code": older.code}).status_code == 422
    assert browser.post_form("/signin/link", {"token": newer.token}).status_code == 303


@on_sqlite
def test_a_code_burns_with_the_fifth_wrong_try_and_its_link_with_it(browser: Browser, arrivals: Arrivals) -> None:
    mail = arrivals.ask(browser)
    for left in ("4 tries", "3 tries", "2 tries", "one try"):
        wrong = browser.post_form("/signin/code", {"code": other(mail.code)})
        assert wrong.status_code == 422
        assert f"{left} left" in wrong.text
    assert browser.post_form("/signin/code", {"code": other(mail.code)}).status_code == 410
    assert browser.post_form("/signin/code", {"code": mail.code}).status_code == 410
    assert browser.post_form("/signin/link", {"token": mail.token}).status_code == 410
    assert not signed_in(browser)


@on_sqlite
def test_a_wrong_code_counts_also_where_its_refusal_undoes_what_else_was_done(
    browser: Browser, arrivals: Arrivals, engine: Engine, clock: FixedClock
) -> None:
    mail, refusals = arrivals.ask(browser), list[str]()
    for number in range(1, TRIES + 2):
        with pytest.raises(Refused) as refusal, transaction(engine) as session:
            prove_by_code(session, other(mail.code, number), browser.client.cookies[BROWSER_COOKIE], clock.now())
        refusals.append(refusal.value.code)
    assert refusals == [*["code_wrong"] * 4, "code_burned", "code_ended"]


@on_sqlite
def test_blanks_and_dashes_in_a_code_do_not_matter(people: People, arrivals: Arrivals) -> None:
    for typed in ("{0} {1}", "{0}-{1}", " {0}{1} ", "{0}\u00a0{1}", "{0}\u2013{1}"):
        browser = people.nobody()
        code = arrivals.ask(browser).code
        assert browser.post_form("/signin/code", {"code": typed.format(code[:3], code[3:])}).status_code == 303, typed


@on_sqlite
def test_what_is_no_code_costs_no_try(browser: Browser, arrivals: Arrivals, engine: Engine) -> None:
    mail = arrivals.ask(browser)
    for typed in ("", "12345", "1234567", "abcdef", "\u0661\u0662\u0663\u0664\u0665\u0666", "9" * 60_000, "\x00" * 6):
        assert browser.post_form("/signin/code", {"code": typed}).status_code == 422
    with reading(engine) as session:
        assert session.scalar(select(SignInAttempt.wrong_tries)) == 0
    assert browser.post_form("/signin/code", {"code": mail.code}).status_code == 303


def test_of_many_who_use_one_mail_at_once_one_is_signed_in(
    browser: Browser, people: People, arrivals: Arrivals, engine: Engine
) -> None:
    mail = arrivals.ask(browser)
    tabs = [people.nobody() for _ in range(16)]
    for tab in tabs:
        tab.client.cookies.set(
            BROWSER_COOKIE, browser.client.cookies[BROWSER_COOKIE], domain="testserver.local", path="/"
        )
    with ThreadPoolExecutor(16) as threads:
        links = threads.map(lambda tab: tab.post_form("/signin/link", {"token": mail.token}), tabs[:8])
        codes = threads.map(lambda tab: tab.post_form("/signin/code", {"code": mail.code}), tabs[8:])
        statuses = sorted(answer.status_code for answer in [*links, *codes])
    assert statuses == [303] + [410] * 15
    assert count(engine, BrowserSession) == 1


def test_many_wrong_codes_at_once_are_all_counted(browser: Browser, people: People, arrivals: Arrivals) -> None:
    mail = arrivals.ask(browser)
    tabs = [people.nobody() for _ in range(12)]
    for tab in tabs:
        tab.client.cookies.set(
            BROWSER_COOKIE, browser.client.cookies[BROWSER_COOKIE], domain="testserver.local", path="/"
        )
    with ThreadPoolExecutor(12) as threads:
        answers = threads.map(
            lambda pair: pair[1].post_form("/signin/code", {"code": other(mail.code, pair[0] + 1)}), enumerate(tabs)
        )
        assert sorted(answer.status_code for answer in answers) == [410] * 8 + [422] * 4


@on_sqlite
def test_a_known_and_an_unknown_address_are_answered_alike(people: People, arrivals: Arrivals) -> None:
    people.sign_in("known@acme.co")
    seen: list[tuple[int, str, str]] = []
    for email in ("known@acme.co", "nobody@acme.co"):
        browser = people.nobody()
        arrivals.ask(browser, email)
        answer = browser.post_form("/signin", {"email": email, "next": ""})
        page = re.sub(r'value="[0-9a-f]{64}"', "", browser.get("/signin/code").text.replace(email, ""))
        seen.append((answer.status_code, re.sub("halton_browser=[^;]*", "", str(answer.headers)), page))
    assert seen[0] == seen[1]


@on_sqlite
def test_forms_of_the_sign_in_need_our_token_and_our_origin(browser: Browser, arrivals: Arrivals) -> None:
    mail = arrivals.ask(browser)
    for path, fields in (("/signin", {"email": "vk@acme.co"}), ("/signin/link", {"token": mail.token}),
                         ("/signin/code", {"code": mail.code})):  # fmt: skip
        assert browser.post_form(path, fields, headers={"Origin": "https://evil.example"}).status_code == 403
        assert browser.post_form(path, fields, headers={"Origin": "null"}).status_code == 403
        assert browser.post_form(path, {**fields, "form_token": "0" * 64}).status_code == 403
        assert browser.post_form(path, {**fields, "role": "owner"}).status_code == 422
    assert not signed_in(browser)
    assert browser.post_form("/signin/link", {"token": mail.token}).status_code == 303


def test_old_attempts_are_swept(arrivals: Arrivals, people: People, clock: FixedClock, engine: Engine) -> None:
    arrivals.ask(people.nobody())
    clock.advance(timedelta(days=1, minutes=11))
    arrivals.ask(people.nobody())
    assert count(engine, SignInAttempt) == 1


@on_sqlite
def test_the_same_code_is_stored_differently_for_every_browser(
    people: People, arrivals: Arrivals, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So nobody finds it out by trying all codes on a stolen copy."""
    monkeypatch.setattr("api.sign_in.attempts.secrets.randbelow", lambda _: 4711)
    assert [arrivals.ask(people.nobody()).code for _ in range(2)] == ["004711"] * 2
    with reading(engine) as session:
        assert len(set(session.scalars(select(SignInAttempt.code_sha256)))) == 2


@on_sqlite
def test_nothing_that_is_stored_of_an_attempt_signs_in(browser: Browser, arrivals: Arrivals, engine: Engine) -> None:
    mail = arrivals.ask(browser)
    with reading(engine) as session:
        row = session.scalars(select(SignInAttempt)).one()
        stored = " ".join(str(getattr(row, column.name)) for column in SignInAttempt.__table__.columns)
    for secret in (mail.token, mail.code, browser.client.cookies[BROWSER_COOKIE]):
        assert secret not in stored
