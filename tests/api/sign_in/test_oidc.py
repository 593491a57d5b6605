"""Signing in at an OpenID Connect issuer, from the button to the session and back out of every wrong turn."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, select

from api.db.models import BrowserSession, OidcAttempt, User, UserIdentity
from api.db.session import reading
from api.sign_in.oidc.issuer import Issuer
from api.sign_in.oidc.settings import OidcSettings, OidcSettingsError, oidc_settings
from pipelines.lake.clock import FixedClock
from tests.api.conftest import Browser, People
from tests.api.sign_in.conftest import Arrivals, go, sign_in
from tests.api.sign_in.local_issuer import CLIENT_ID, LocalIssuer
from tests.conftest import on_sqlite


def identities(engine: Engine) -> dict[tuple[str, str], str]:
    query = select(UserIdentity.subject, User.email, User.display_name).join(User, User.id == UserIdentity.user_id)
    with reading(engine) as session:
        return {(row.subject, row.email): row.display_name for row in session.execute(query)}


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_person_signs_in_at_the_issuer(algorithm: str, browser: Browser, issuer: LocalIssuer, engine: Engine) -> None:
    issuer.use(algorithm)
    assert "Continue with Acme SSO" in browser.get("/signin?next=/connect").text
    answer = sign_in(browser, issuer, "/connect?code=WXJ4-9KPM")
    assert (answer.status_code, answer.headers["location"]) == (303, "/connect?code=WXJ4-9KPM"), answer.text
    assert "vk@acme.co" in browser.get("/me").text
    assert "single sign-on" in browser.get("/me").text
    assert browser.get("/").headers["location"] == "/acme-co/overview"
    assert identities(engine) == {("account-1", "vk@acme.co"): "Vikrant"}
    with reading(engine) as session:
        assert session.scalars(select(OidcAttempt)).all() == []


@on_sqlite
def test_without_an_issuer_there_is_no_button_and_no_way(browser: Browser) -> None:
    assert "/signin/oidc" not in browser.get("/signin").text
    assert browser.get("/signin/oidc").status_code == 404
    assert browser.get("/signin/oidc/callback?code=x&state=y").status_code == 404


def test_an_account_stays_with_its_person_whatever_address_it_has_later(
    people: People, issuer: LocalIssuer, arrivals: Arrivals, engine: Engine
) -> None:
    arrivals.by_link(people.nobody(), "vk@acme.co")
    sign_in(people.nobody(), issuer)
    issuer.account["email"] = "renamed@acme.co"
    sign_in(later := people.nobody(), issuer)
    assert "vk@acme.co" in later.get("/me").text
    issuer.account = {"sub": "account-2", "email": "VK@ACME.CO", "email_verified": "true", "name": "Other"}
    sign_in(second := people.nobody(), issuer)
    assert "vk@acme.co" in second.get("/me").text
    assert set(identities(engine)) == {("account-1", "vk@acme.co"), ("account-2", "vk@acme.co")}
    with reading(engine) as session:
        assert len(session.scalars(select(User)).all()) == 1


@on_sqlite
def test_only_an_address_the_issuer_vouches_for_signs_in(people: People, issuer: LocalIssuer, engine: Engine) -> None:
    for said in (
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "no"},
        {"email_verified": 1.5},
    ):
        issuer.change_claims = lambda claims, said=said: claims.update(said)
        answer = sign_in(people.nobody(), issuer)
        assert answer.status_code == 403
        assert "not confirmed" in answer.text
    with reading(engine) as session:
        assert session.scalars(select(User)).all() == []


@on_sqlite
def test_an_address_that_only_the_userinfo_endpoint_tells_is_taken_from_there(
    people: People, issuer: LocalIssuer
) -> None:
    issuer.account = {"sub": "account-1"}
    issuer.user_info = {"sub": "somebody-else", "email": "vk@acme.co", "email_verified": True}
    assert "could not be trusted" in sign_in(people.nobody(), issuer).text
    issuer.user_info = {"sub": "account-1", "email": "vk@acme.co"}
    assert "not confirmed" in sign_in(people.nobody(), issuer).text
    issuer.user_info = {"sub": "account-1", "email": "vk@acme.co", "email_verified": True}
    assert sign_in(people.nobody(), issuer).status_code == 303
    issuer.user_info = None
    assert sign_in(people.nobody(), issuer).status_code == 503


def test_an_answer_ends_only_in_the_browser_where_it_began_once_and_in_time(
    people: People, issuer: LocalIssuer, clock: FixedClock, engine: Engine
) -> None:
    browser, stranger = people.nobody(), people.nobody()
    stranger.get("/signin")
    back = go(browser, issuer)
    assert stranger.get(back).status_code == 403, "another browser, as in a login forced on a victim"
    assert browser.get(back.replace("state=", "state=x")).status_code == 403
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 403, "the second time"
    late = go(again := people.nobody(), issuer)
    clock.advance(timedelta(minutes=10))
    assert "has expired" in again.get(late).text
    assert issuer.calls["/token"] == 1, "a code is exchanged only for the browser that may use it"
    with reading(engine) as session:
        assert len(session.scalars(select(BrowserSession)).all()) == 1


@on_sqlite
def test_a_refusal_at_the_issuer_is_explained(people: People, issuer: LocalIssuer) -> None:
    browser = people.nobody()
    state = parse_qs(urlsplit(go(browser, issuer)).query)["state"][0]
    page = browser.get("/signin/oidc/callback", params={"error": "access_denied", "state": state})
    assert page.status_code == 403
    assert "cancelled or refused" in page.text
    assert browser.get("/signin/oidc/callback").status_code == 403
    assert browser.get("/signin/oidc/callback", params={"code": "c" * 5_000, "state": "x"}).status_code == 422


@on_sqlite
def test_a_code_the_issuer_does_not_take_signs_nobody_in(people: People, issuer: LocalIssuer) -> None:
    browser = people.nobody()
    back = go(browser, issuer)
    issuer.granted.clear()
    assert "could not be trusted" in browser.get(back).text
    browser = people.nobody()
    back = go(browser, issuer)
    for granted in issuer.granted.values():
        granted["code_challenge"] = "of another verifier"
    assert "could not be trusted" in browser.get(back).text


@on_sqlite
def test_the_issuer_named_beside_the_code_must_be_ours(people: People, issuer: LocalIssuer, clock: FixedClock) -> None:
    browser = people.nobody()
    assert browser.get(go(browser, issuer) + f"&iss={issuer.url}").status_code == 303
    browser = people.nobody()
    assert "could not be trusted" in browser.get(go(browser, issuer) + "&iss=https://mixed.up.example").text
    issuer.metadata = {"authorization_response_iss_parameter_supported": True}
    clock.advance(timedelta(hours=1))
    browser = people.nobody()
    assert "could not be trusted" in browser.get(go(browser, issuer)).text


@on_sqlite
@pytest.mark.parametrize("secret", ["basic", "post", "none"])
def test_the_client_proves_itself_as_the_issuer_wants_it(
    secret: str, app: FastAPI, people: People, issuer: LocalIssuer, clock: FixedClock
) -> None:
    if secret == "post":
        issuer.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    elif secret == "none":
        issuer.secret = None
        app.state.oidc.close()
        app.state.oidc = Issuer(OidcSettings(issuer.url, CLIENT_ID, None, "Acme SSO"), clock)
    assert sign_in(people.nobody(), issuer).status_code == 303


@on_sqlite
def test_an_issuer_that_fails_is_explained_and_not_waited_for_again_and_again(
    people: People, issuer: LocalIssuer, clock: FixedClock
) -> None:
    discovery = "/.well-known/openid-configuration"
    broken: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({discovery: (500, b"{}")}, {}),
        ({discovery: (302, b"{}")}, {}),
        ({discovery: (200, b"not json")}, {}),
        ({discovery: (200, b"[]")}, {}),
        ({discovery: (200, b'{"x":"' + b"x" * 1_100_000 + b'"}')}, {}),
        ({}, {"issuer": "https://other.example"}),
        ({}, {"token_endpoint": "http://plain.example/token"}),
        ({}, {"jwks_uri": "file:///etc/passwd"}),
        ({}, {"authorization_endpoint": None}),
    ]
    for raw, metadata in broken:
        issuer.raw, issuer.metadata = raw, metadata
        for _ in range(2):
            answer = people.nobody().get("/signin/oidc")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
            assert "does not answer" in answer.text
        clock.advance(timedelta(seconds=10))
    assert issuer.calls[discovery] == len(broken)
    issuer.raw, issuer.metadata = {"/jwks": (500, b"")}, {}
    assert sign_in(people.nobody(), issuer).status_code == 503
    clock.advance(timedelta(seconds=10))
    issuer.raw = {"/token": (200, b'{"access_token":"x"}')}
    assert sign_in(people.nobody(), issuer).status_code == 503
    issuer.raw = {}
    assert sign_in(people.nobody(), issuer).status_code == 303
    issuer.stop()
    clock.advance(timedelta(hours=1))
    assert people.nobody().get("/signin/oidc").status_code == 503


ENVIRONMENT = {"HALTON_OIDC_ISSUER": "https://id.acme.co", "HALTON_OIDC_CLIENT_ID": "web"}


def test_the_issuer_is_configured_by_the_environment() -> None:
    assert oidc_settings({}) is None
    assert oidc_settings(ENVIRONMENT) == OidcSettings("https://id.acme.co", "web", None, "id.acme.co")
    full = {**ENVIRONMENT, "HALTON_OIDC_CLIENT_SECRET": "s", "HALTON_OIDC_NAME": "Acme"}
    assert oidc_settings(full) == OidcSettings("https://id.acme.co", "web", "s", "Acme")
    assert "s3" not in repr(OidcSettings("https://id.acme.co", "web", "s3", "Acme"))


@pytest.mark.parametrize(
    "changes",
    [
        {"HALTON_OIDC_ISSUER": ""}, {"HALTON_OIDC_CLIENT_ID": " "}, {"HALTON_OIDC_ISSUER": "http://id.acme.co"},
        {"HALTON_OIDC_ISSUER": "id.acme.co"}, {"HALTON_OIDC_ISSUER": "https://u:p@id.acme.co"},
        {"HALTON_OIDC_ISSUER": "https://id.acme.co?x=1"}, {"HALTON_OIDC_ISSUER": "https://id.acme.co/#x"},
        {"HALTON_OIDC_ISSUER": "https://id.acme.co/" + "x" * 255}, {"HALTON_OIDC_ISSUER": "https://[x"},
    ],
)  # fmt: skip
def test_half_a_configuration_or_an_issuer_without_tls_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(OidcSettingsError):
        oidc_settings({**ENVIRONMENT, **changes})
