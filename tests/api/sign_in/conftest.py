"""Fixtures of the sign-in's tests: mails as their recipients see them, and an issuer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, select

from api.access.same_site import PUBLIC_URL_VARIABLE
from api.db.models import OutboxMessage
from api.db.session import reading
from api.sign_in.oidc.issuer import Issuer
from api.sign_in.oidc.settings import OidcSettings
from pipelines.lake.clock import FixedClock
from tests.api.conftest import BASE_URL, Browser, People
from tests.api.sign_in.local_issuer import CLIENT_ID, LocalIssuer


@pytest.fixture(autouse=True)
def public_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PUBLIC_URL_VARIABLE, BASE_URL)


def other(code: str, number: int = 1) -> str:
    """Return a code that is not `code`."""
    return f"{(int(code) + number) % 1_000_000:06}"


def signed_in(browser: Browser) -> bool:
    return browser.get("/me").status_code == 200


def go(browser: Browser, issuer: LocalIssuer, onward: str = "") -> str:
    """Go to the issuer, sign in there; return the path the browser is sent back to."""
    answer = browser.get("/signin/oidc", params={"next": onward})
    assert answer.status_code == 303, answer.text
    return issuer.authorise(answer.headers["location"])


def sign_in(browser: Browser, issuer: LocalIssuer, onward: str = "") -> Any:
    return browser.get(go(browser, issuer, onward))


@dataclass(frozen=True)
class Received:
    """A sign-in mail."""

    recipient: str
    text: str
    html: str

    @property
    def link(self) -> str:
        found = re.search(r"https?://\S+", self.text)
        return "" if found is None else found[0]

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.link).query)["token"][0]

    @property
    def code(self) -> str:
        found = re.search(r"^(\d{6})$", self.text, re.MULTILINE)
        assert found is not None, self.text
        return found[1]


@dataclass
class Mailbox:
    """Every mail the server owes, whoever it is for."""

    app: FastAPI
    engine: Engine

    def all(self) -> list[Received]:
        query = select(OutboxMessage).order_by(OutboxMessage.created_at_us, OutboxMessage.id)
        with reading(self.engine) as session:
            found = [(row.recipient, row.sealed_body) for row in session.scalars(query)]
        mails: list[Received] = []
        for recipient, sealed in found:
            assert sealed is not None
            body = self.app.state.mail_seal.open(sealed)
            mails.append(Received(recipient, body.text, body.html or ""))
        return mails

    def newest(self) -> Received:
        return self.all()[-1]


@pytest.fixture
def mailbox(app: FastAPI, engine: Engine) -> Mailbox:
    return Mailbox(app, engine)


@dataclass
class Arrivals:
    """Takes browsers through the sign-in by e-mail."""

    people: People
    mailbox: Mailbox
    clock: FixedClock

    def ask(self, browser: Browser, email: str = "vk@acme.co", onward: str = "") -> Received:
        """Ask for a mail; the clock moves on, so that mails have an order."""
        browser.get("/signin")
        answer = browser.post_form("/signin", {"email": email, "next": onward})
        assert (answer.status_code, answer.headers["location"]) == (303, "/signin/code"), answer.text
        mail = self.mailbox.newest()
        self.clock.instant = self.clock.instant.replace(microsecond=self.clock.instant.microsecond + 1)
        return mail

    def by_link(self, browser: Browser, email: str = "vk@acme.co", onward: str = "") -> Any:
        return browser.post_form("/signin/link", {"token": self.ask(browser, email, onward).token})

    def by_code(self, browser: Browser, email: str = "vk@acme.co", onward: str = "") -> Any:
        return browser.post_form("/signin/code", {"code": self.ask(browser, email, onward).code})


@pytest.fixture
def arrivals(people: People, mailbox: Mailbox, clock: FixedClock) -> Arrivals:
    return Arrivals(people, mailbox, clock)


@pytest.fixture
def issuer(app: FastAPI, clock: FixedClock) -> Iterator[LocalIssuer]:
    """A running issuer that the app signs people in at."""
    issuer = LocalIssuer(clock)
    issuer.account = {"sub": "account-1", "email": "vk@acme.co", "email_verified": True, "name": "Vikrant"}
    issuer.start()
    app.state.oidc = Issuer(OidcSettings(issuer.url, CLIENT_ID, issuer.secret, "Acme SSO"), clock)
    yield issuer
    app.state.oidc.close()
    issuer.stop()
