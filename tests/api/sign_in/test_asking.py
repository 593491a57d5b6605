"""Asking for a sign-in mail: how often, for which address, and where its link leads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.access.same_site import PUBLIC_URL_VARIABLE
from api.errors import Refused
from api.rate_limits import RateLimits
from api.sign_in.attempts import MAILS_PER_ASKER, MAILS_PER_SPAN, WRONG_CODES_PER_DAY
from pipelines.lake.clock import FixedClock
from tests.api.conftest import BASE_URL, Browser, People
from tests.api.sign_in.conftest import Arrivals, Mailbox, other, signed_in
from tests.conftest import on_sqlite


@on_sqlite
def test_mails_to_one_address_are_limited_for_one_asker_and_for_all_together(
    app: Any, people: People, arrivals: Arrivals, clock: FixedClock, mailbox: Mailbox
) -> None:
    def at(address: str) -> Browser:
        return Browser(TestClient(app, BASE_URL, client=(address, 1), follow_redirects=False))

    for _ in range(MAILS_PER_ASKER):
        arrivals.ask(at("192.0.2.1"))
    stubborn = at("192.0.2.1")
    stubborn.get("/signin")
    refused = stubborn.post_form("/signin", {"email": "Vk@acme.co", "next": "/connect"})
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 15 * 60
    assert 'value="/connect"' in refused.text
    arrivals.ask(at("192.0.2.1"), "somebody-else@acme.co")
    for number in range(MAILS_PER_ASKER, MAILS_PER_SPAN):
        arrivals.ask(at(f"192.0.2.{2 + number // MAILS_PER_ASKER}"))
    newcomer = at("192.0.2.77")
    newcomer.get("/signin")
    assert newcomer.post_form("/signin", {"email": "vk@acme.co", "next": ""}).status_code == 429
    assert len(mailbox.all()) == MAILS_PER_SPAN + 1
    clock.advance(timedelta(minutes=16))
    arrivals.ask(at("192.0.2.1"))


@on_sqlite
def test_one_network_address_can_ask_and_try_only_so_often(browser: Browser, clock: FixedClock) -> None:
    browser.get("/signin")
    asked = [browser.post_form("/signin", {"email": f"p{n}@acme.co", "next": ""}).status_code for n in range(31)]
    assert asked == [303] * 30 + [429]
    tried = [browser.post_form("/signin/code", {"code": "x"}).status_code for _ in range(61)]
    assert tried == [422] * 60 + [429]
    clock.advance(timedelta(minutes=1))
    assert browser.post_form("/signin", {"email": "vk@acme.co", "next": ""}).status_code == 303


def test_all_network_addresses_together_can_ask_and_try_only_so_often(clock: FixedClock) -> None:
    limits = RateLimits.standard(clock)
    for limiter, most in ((limits.sign_in, 300), (limits.sign_in_code, 600)):
        for number in range(most):
            limiter.admit(f"2001:db8::{number:x}")
        with pytest.raises(Refused) as refusal:
            limiter.admit("2001:db8:1::1")
        assert (refusal.value.status, refusal.value.headers["Retry-After"]) == (429, "1")


@on_sqlite
def test_guessing_over_many_mails_ends_for_the_day_but_links_still_sign_in(
    people: People, arrivals: Arrivals, clock: FixedClock
) -> None:
    guesser = people.nobody()
    for _ in range(WRONG_CODES_PER_DAY // 5):
        code = arrivals.ask(guesser).code
        for number in range(5):
            guesser.post_form("/signin/code", {"code": other(code, number + 1)})
        clock.advance(timedelta(minutes=16))
    mail = arrivals.ask(guesser)
    assert guesser.post_form("/signin/code", {"code": mail.code}).status_code == 429
    assert guesser.post_form("/signin/link", {"token": mail.token}).status_code == 303
    clock.advance(timedelta(days=1))
    arrivals.by_code(person := people.nobody())
    assert signed_in(person)


NO_ADDRESSES = (
    "", "nobody", "@acme.co", "vk@", "vk@acme", "a b@acme.co", "vk@acme.co\r\nBcc: all@acme.co", "vk@acme.co\nX: y",
    "vk@acme.co,eve@evil.example", "<vk@acme.co>", '"vk"@acme.co', "\u202evk@acme.co", "vk@\u202eacme.co",
    "vk@acme..co", "v\u0456k@acme.co", "vk@acme.co\x00", f"{'v' * 65}@acme.co", f"vk@{'a' * 64}.co",
    "vk@" + "a." * 200 + "co", "vk@" + "\u00fc" * 5_000 + ".de", "vk@[127.0.0.1]", "vk@127.0.0.1", ".vk@acme.co",
    "vk@-acme.co", "vk@acme.co/x",
)  # fmt: skip


@on_sqlite
def test_what_is_no_address_gets_no_mail_and_the_form_again(
    browser: Browser, mailbox: Mailbox, clock: FixedClock
) -> None:
    browser.get("/signin")
    for email in NO_ADDRESSES:
        answer = browser.post_form("/signin", {"email": email, "next": "/connect?code=X"})
        assert answer.status_code == 422, email
        assert "This is not an e-mail address." in answer.text
        assert 'value="/connect?code=X"' in answer.text
        clock.advance(timedelta(seconds=3))
    assert mailbox.all() == []


@on_sqlite
def test_a_link_leads_to_the_public_address_whatever_host_the_asker_names(
    browser: Browser,
    arrivals: Arrivals,
    monkeypatch: pytest.MonkeyPatch,
    app: Any,
    mailbox: Mailbox,
    clock: FixedClock,
) -> None:
    assert arrivals.ask(browser).link.startswith("https://testserver/signin/link?token=")
    monkeypatch.delenv(PUBLIC_URL_VARIABLE)
    assert arrivals.ask(browser).link == "", "nobody vouches for the name the server was called by"
    headers = {"Host": "evil.example", "Origin": "https://evil.example"}
    browser.post_form("/signin", {"email": "vk@acme.co", "next": ""}, headers=headers)
    mail = mailbox.newest()
    assert mail.link == ""
    assert "evil" not in mail.text + mail.html
    assert browser.post_form("/signin/code", {"code": mail.code}).status_code == 303
    clock.advance(timedelta(seconds=1))
    local = Browser(TestClient(app, "https://127.0.0.1:8080", follow_redirects=False))
    local.get("/signin")
    local.post_form("/signin", {"email": "vk@acme.co", "next": ""}, headers={"Origin": "https://127.0.0.1:8080"})
    assert mailbox.newest().link.startswith("https://127.0.0.1:8080/signin/link?token=")


@on_sqlite
def test_a_server_reached_without_tls_says_why_it_cannot_keep_anybody_signed_in(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PUBLIC_URL_VARIABLE)
    told = {
        url: "without TLS" in TestClient(app, url).get("/signin").text
        for url in ("http://meter.example:8080", "https://meter.example", "http://localhost:8080", "http://[::1]:80")
    }
    assert told == {
        "http://meter.example:8080": True, "https://meter.example": False, "http://localhost:8080": False,
        "http://[::1]:80": False,
    }  # fmt: skip
