"""Talking to the issuer: its metadata, its keys, and exchanging a code.

Belongs here: every call that leaves for the issuer, and what is remembered of the answers. Does not belong here:
judging an ID token (`id_tokens`), attempts (`round_trips`).

Calls end after a few seconds, follow no redirect and read no more than 1 MiB. Metadata is kept for an hour; keys until
a token names one that is not among them, but they are fetched at most once a minute however many such tokens come.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final, TypeVar
from urllib.parse import quote_plus, urlencode

import httpx
import msgspec

from api.sign_in.oidc.keys import IssuerKeys, read_keys
from api.sign_in.oidc.settings import OidcSettings, is_safe_url
from pipelines.lake.clock import Clock

logger = logging.getLogger(__name__)

METADATA_KEPT: Final = timedelta(hours=1)
KEYS_FETCHED_EVERY: Final = timedelta(minutes=1)
FAILURE_KEPT: Final = timedelta(seconds=10)
"""After a failed fetch nobody else waits for the same one: a dead issuer must not use up the server's threads."""
_TIMEOUT: Final = httpx.Timeout(5.0, connect=3.0)
_ANSWER_WITHIN_SECONDS: Final = 10.0
_ANSWER_BYTES_MAX: Final = 1024 * 1024
_OK: Final = 200
_ACCEPT: Final = {"Accept": "application/json"}
_Fetched = TypeVar("_Fetched")


class IssuerUnavailableError(Exception):
    """The issuer does not answer, or not as one should."""


class CodeRefusedError(Exception):
    """The issuer takes the code for no good one."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the issuer publishes about itself.

    Attributes:
        userinfo_endpoint: None when it has none.
        secret_in_body: whether it takes the client's secret in the form only, not as HTTP Basic.
        names_itself: whether it puts its identifier into every answer it sends back through the browser.
    """

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    secret_in_body: bool
    names_itself: bool


@dataclass(frozen=True, slots=True)
class Granted:
    """What a code was exchanged for."""

    id_token: str
    access_token: str | None


class Issuer:
    """The configured issuer, shared by the threads of a process."""

    def __init__(self, settings: OidcSettings, clock: Clock) -> None:
        """Nothing is fetched before the first sign-in."""
        self.settings = settings
        self._clock = clock
        self._http = httpx.Client(timeout=_TIMEOUT, follow_redirects=False)
        self._lock = Lock()
        self._metadata: tuple[Metadata, datetime] | None = None
        self._keys: tuple[IssuerKeys, datetime] | None = None
        self._failed_at: datetime | None = None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def metadata(self) -> Metadata:
        """Return what the issuer publishes about itself.

        Raises:
            IssuerUnavailableError: it cannot be had, or is another issuer's.
        """
        with self._lock:
            now = self._clock.now()
            if self._metadata is None or not _within(METADATA_KEPT, self._metadata[1], now):
                self._metadata = (self._fetched(self._fetch_metadata, now), now)
            return self._metadata[0]

    def keys_for(self, key_id: str | None) -> IssuerKeys:
        """Return the issuer's keys; fetched anew when `key_id` is not among them, at most once a minute.

        Raises:
            IssuerUnavailableError: they cannot be had.
        """
        uri = self.metadata().jwks_uri
        with self._lock:
            now = self._clock.now()
            if self._keys is None or (
                key_id not in self._keys[0] and not _within(KEYS_FETCHED_EVERY, self._keys[1], now)
            ):
                self._keys = (self._fetched(lambda: read_keys(self._get(uri)), now), now)
            return self._keys[0]

    def authorization_url(self, *, redirect_uri: str, state: str, nonce: str, challenge: str) -> str:
        """Return where the browser signs in.

        Raises:
            IssuerUnavailableError: the issuer's metadata cannot be had.
        """
        endpoint = self.metadata().authorization_endpoint
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid email profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    def exchange(self, code: str, *, verifier: str, redirect_uri: str) -> Granted:
        """Exchange a code for an ID token.

        Raises:
            CodeRefusedError: the issuer does not take it.
            IssuerUnavailableError: it does not answer.
        """
        metadata, settings = self.metadata(), self.settings
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        basic: httpx.BasicAuth | None = None
        if settings.client_secret is None or metadata.secret_in_body:
            form["client_id"] = settings.client_id
            if settings.client_secret is not None:
                form["client_secret"] = settings.client_secret
        else:
            basic = httpx.BasicAuth(quote_plus(settings.client_id), quote_plus(settings.client_secret))
        request = self._http.build_request("POST", metadata.token_endpoint, data=form, headers=_ACCEPT)
        status, answer = self._answer(request, basic)
        if status != _OK:
            logger.warning("the issuer took no code at its token endpoint: HTTP %d", status)
            raise CodeRefusedError
        id_token, access_token = answer.get("id_token"), answer.get("access_token")
        if not isinstance(id_token, str):
            raise IssuerUnavailableError("the token endpoint's answer has no ID token")
        return Granted(id_token, access_token if isinstance(access_token, str) else None)

    def user_info(self, access_token: str) -> Mapping[str, Any]:
        """Return what the issuer says of the person, for tokens that do not carry their address.

        Raises:
            IssuerUnavailableError: it does not answer, or publishes nowhere to ask.
        """
        endpoint = self.metadata().userinfo_endpoint
        if endpoint is None:
            raise IssuerUnavailableError("the issuer has no userinfo endpoint")
        return self._get(endpoint, {"Authorization": f"Bearer {access_token}"})

    def _fetched(self, fetch: Callable[[], _Fetched], now: datetime) -> _Fetched:
        if self._failed_at is not None and _within(FAILURE_KEPT, self._failed_at, now):
            raise IssuerUnavailableError("the issuer did not answer a moment ago")
        try:
            fetched = fetch()
        except IssuerUnavailableError:
            self._failed_at = now
            raise
        self._failed_at = None
        return fetched

    def _fetch_metadata(self) -> Metadata:
        issuer = self.settings.issuer
        found = self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != issuer:
            raise IssuerUnavailableError("the metadata is of another issuer than the configured one")
        authorization, token, jwks = (
            _safe(found, name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
        )
        methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return Metadata(
            authorization_endpoint=authorization,
            token_endpoint=token,
            jwks_uri=jwks,
            userinfo_endpoint=_safe(found, "userinfo_endpoint") if "userinfo_endpoint" in found else None,
            secret_in_body=isinstance(methods, list) and "client_secret_basic" not in methods,
            names_itself=found.get("authorization_response_iss_parameter_supported") is True,
        )

    def _get(self, url: str, headers: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        status, answer = self._answer(self._http.build_request("GET", url, headers={**_ACCEPT, **(headers or {})}))
        if status != _OK:
            raise IssuerUnavailableError(f"the issuer answered HTTP {status}")
        return answer

    def _answer(self, request: httpx.Request, basic: httpx.Auth | None = None) -> tuple[int, Mapping[str, Any]]:
        body = bytearray()
        ends = time.monotonic() + _ANSWER_WITHIN_SECONDS
        try:
            answer = self._http.send(request, auth=basic, stream=True)
            try:
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > _ANSWER_BYTES_MAX or time.monotonic() > ends:
                        raise IssuerUnavailableError("the issuer's answer is too large or too slow")
            finally:
                answer.close()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise IssuerUnavailableError(f"the issuer cannot be reached: {type(error).__name__}") from error
        if answer.status_code != _OK:
            return answer.status_code, {}
        try:
            return _OK, msgspec.json.decode(bytes(body), type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise IssuerUnavailableError("the issuer's answer is no JSON object") from error


def _within(span: timedelta, since: datetime, now: datetime) -> bool:
    return timedelta(0) <= now - since < span


def _safe(found: Mapping[str, Any], name: str) -> str:
    url = found.get(name)
    if not is_safe_url(url):
        raise IssuerUnavailableError(f"the metadata's {name} is no https URL")
    return str(url)
