"""The issuer's tokens and keys: everything that can be wrong with them, each signed with real keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from joserfc.errors import SecurityWarning
from joserfc.jwk import OctKey, RSAKey
from sqlalchemy import Engine, select

from api.access.browser_sessions import SESSION_COOKIE
from api.db.models import User
from api.db.session import reading
from pipelines.lake.clock import FixedClock
from tests.api.conftest import People
from tests.api.sign_in.conftest import sign_in
from tests.api.sign_in.local_issuer import CLIENT_ID, LocalIssuer, signing_key
from tests.conftest import on_sqlite


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(token: str, header: dict[str, Any], key: bytes | None) -> str:
    """The same claims under another header, signed with HMAC or not at all."""
    signed = f"{b64(json.dumps(header).encode())}.{token.split('.')[1]}"
    return f"{signed}.{b64(hmac.new(key, signed.encode(), hashlib.sha256).digest()) if key else ''}"


def by_public_key(issuer: LocalIssuer) -> bytes:
    return issuer.key.as_pem(private=False)  # pyright: ignore[reportAttributeAccessIssue]


def change(**changes: Any) -> Any:
    def on(issuer: LocalIssuer) -> None:
        issuer.change_claims = lambda claims: claims.update(changes)

    return on


def header(**fields: Any) -> Any:
    return lambda issuer: issuer.header.update(fields)


def without(name: str) -> Any:
    def on(issuer: LocalIssuer) -> None:
        issuer.change_claims = lambda claims: claims.pop(name) and None

    return on


def shifted(name: str, seconds: int) -> Any:
    def on(issuer: LocalIssuer) -> None:
        issuer.change_claims = lambda claims: claims.update({name: int(issuer.clock.now().timestamp()) + seconds})

    return on


def token_changed(change: Any) -> Any:
    def on(issuer: LocalIssuer) -> None:
        issuer.change_token = lambda token: change(token, issuer)

    return on


UNTRUSTED = {
    "none": token_changed(lambda token, issuer: forged(token, {"alg": "none"}, None)),
    "None": token_changed(lambda token, issuer: forged(token, {"alg": "None", "kid": issuer.key.kid}, None)),
    "HS256 with the public key": token_changed(
        lambda token, issuer: forged(token, {"alg": "HS256", "kid": issuer.key.kid}, by_public_key(issuer))
    ),
    "HS256 with the client secret": token_changed(
        lambda token, issuer: forged(token, {"alg": "HS256", "kid": issuer.key.kid}, str(issuer.secret).encode())
    ),
    "a signature cut off": token_changed(lambda token, issuer: token.rsplit(".", 1)[0] + "."),
    "claims changed": token_changed(
        lambda token, issuer: ".".join(
            [token.split(".")[0], b64(b'{"iss":"x","email":"eve@acme.co"}'), token.split(".")[2]]
        )
    ),
    "a critical header": header(crit=["cat"]),
    "a key id of another kind": header(kid=["rsa-1"]),
    "an unknown key": header(kid="rsa-9"),
    "an algorithm in words": header(alg=["RS256"]),
    "an access token": header(typ="at+jwt"),
    "no token": token_changed(lambda token, issuer: "x.y"),
    "a list for a header": token_changed(lambda token, issuer: f"{b64(b'[1]')}.{b64(b'{}')}.x"),
    "deep": token_changed(lambda token, issuer: f"{b64(b'[' * 5_000)}.{b64(b'{}')}.x"),
    "huge": token_changed(lambda token, issuer: token + "A" * 70_000),
    "another issuer": change(iss="https://other.example"),
    "no issuer": without("iss"),
    "another audience": change(aud="other"),
    "no audience": without("aud"),
    "several audiences, nobody's": change(aud=[CLIENT_ID, "other"]),
    "another authorised party": change(aud=[CLIENT_ID, "other"], azp="other"),
    "expired": shifted("exp", -61),
    "no end": without("exp"),
    "endless": change(exp=float("inf")),
    "an end in words": change(exp="tomorrow"),
    "from the future": shifted("iat", 61),
    "long ago": shifted("iat", -661),
    "no beginning": without("iat"),
    "not yet": shifted("nbf", 61),
    "another sign-in's": change(nonce="x" * 43),
    "no nonce": without("nonce"),
    "a number for a nonce": change(nonce=1),
    "no subject": without("sub"),
    "an empty subject": change(sub=""),
    "a number for a subject": change(sub=17),
    "a very long subject": change(sub="s" * 256),
    "an address that is none": change(email="vk@acme.co\r\nBcc: eve@acme.co"),
}


@on_sqlite
def test_a_token_that_is_wrong_in_any_way_signs_nobody_in(
    people: People, issuer: LocalIssuer, engine: Engine, clock: FixedClock
) -> None:
    plain = (issuer.change_claims, issuer.change_token)
    for name, spoil in UNTRUSTED.items():
        (issuer.change_claims, issuer.change_token), issuer.header = plain, {}
        spoil(issuer)
        answer = sign_in(browser := people.nobody(), issuer)
        assert answer.status_code == 403, (name, answer.headers)
        assert "could not be trusted" in answer.text, name
        assert SESSION_COOKIE not in browser.client.cookies, name
        clock.advance(timedelta(seconds=2))
    with reading(engine) as session:
        assert session.scalars(select(User)).all() == []
    (issuer.change_claims, issuer.change_token), issuer.header = plain, {"typ": "JWT"}
    assert sign_in(people.nobody(), issuer).status_code == 303, "the spoiling is what was refused"


@on_sqlite
def test_clocks_may_differ_by_a_minute_and_one_audience_of_several_is_enough_if_it_is_ours(
    people: People, issuer: LocalIssuer
) -> None:
    for allowed in (
        shifted("exp", -59), shifted("iat", 60), shifted("nbf", 60), shifted("iat", -660),
        change(aud=[CLIENT_ID]), change(aud=[CLIENT_ID, "other"], azp=CLIENT_ID),
    ):  # fmt: skip
        allowed(issuer)
        assert sign_in(people.nobody(), issuer).status_code == 303


@on_sqlite
def test_a_new_key_is_fetched_when_a_token_names_it_but_at_most_once_a_minute(
    people: People, issuer: LocalIssuer, clock: FixedClock
) -> None:
    sign_in(people.nobody(), issuer)
    assert issuer.calls["/jwks"] == 1
    issuer.use("ES256", 2)
    assert "could not be trusted" in sign_in(people.nobody(), issuer).text, "fetched a moment ago"
    assert issuer.calls["/jwks"] == 1
    clock.advance(timedelta(minutes=1))
    assert sign_in(people.nobody(), issuer).status_code == 303
    assert issuer.calls["/jwks"] == 2
    issuer.use("RS256", 1, publish=False)
    for _ in range(3):
        assert "could not be trusted" in sign_in(people.nobody(), issuer).text, "the old key is withdrawn"
    assert issuer.calls["/jwks"] == 2
    clock.advance(timedelta(minutes=1))
    assert "could not be trusted" in sign_in(people.nobody(), issuer).text
    assert issuer.calls["/jwks"] == 3
    assert issuer.calls["/.well-known/openid-configuration"] == 1


@on_sqlite
def test_keys_that_are_of_no_use_are_passed_over(people: People, issuer: LocalIssuer, clock: FixedClock) -> None:
    good = issuer.key.as_dict(private=False)
    shared = OctKey.import_key("a secret everybody knows, of 32 bytes").as_dict()
    useless: list[Any] = [
        None, 1, "x", [], {}, {"kty": "oct", **shared, "kid": good["kid"]}, {**good, "use": "enc"},
        {**good, "alg": "RS512"},
        {"kty": "RSA", "kid": good["kid"], "n": "AQAB", "e": "AQAB"}, {**good, "n": 5}, {**good, "n": "\u00e9"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": good["kid"]}, {"kty": "EC", "crv": "P-521"},
        {"kty": "OKP", "crv": "X25519", "x": "AA"}, {"kty": "new", "kid": good["kid"]}, {**good, "kid": 7},
    ]  # fmt: skip
    issuer.published = {"keys": [*useless, good]}
    assert sign_in(people.nobody(), issuer).status_code == 303
    for published in ({"keys": useless}, {"keys": "x"}, {}, {"keys": []}):
        issuer.published = published
        clock.advance(timedelta(minutes=1))
        issuer.use("RS256", 3, publish=False)
        assert "could not be trusted" in sign_in(people.nobody(), issuer).text


@on_sqlite
def test_a_key_that_is_too_short_signs_nobody_in(people: People, issuer: LocalIssuer) -> None:
    with pytest.warns(SecurityWarning):
        issuer.key = RSAKey.generate_key(1024, {"kid": "rsa-short"})
    issuer.published = {"keys": [issuer.key.as_dict(private=False)]}
    assert "could not be trusted" in sign_in(people.nobody(), issuer).text


@on_sqlite
def test_a_key_that_is_published_for_something_else_signs_nobody_in(
    people: People, issuer: LocalIssuer, clock: FixedClock
) -> None:
    good = issuer.key.as_dict(private=False)
    for other in ({"use": "enc"}, {"alg": "RS512"}, {"alg": "RSA-OAEP"}):
        issuer.published = {"keys": [{**good, **other}]}
        clock.advance(timedelta(minutes=1))
        assert "could not be trusted" in sign_in(people.nobody(), issuer).text, other


@on_sqlite
def test_a_key_signs_with_its_own_algorithm_only(people: People, issuer: LocalIssuer) -> None:
    rsa, curve = signing_key("RS256"), signing_key("ES256")
    issuer.published = {"keys": [{**rsa.as_dict(private=False), "kid": curve.kid}]}
    issuer.use("ES256", publish=False)
    assert "could not be trusted" in sign_in(people.nobody(), issuer).text
