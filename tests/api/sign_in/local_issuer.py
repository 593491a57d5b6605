"""An OpenID Connect issuer on a loopback port, with real keys and HTTP, that tests can make misbehave.

Belongs here: the issuer's side of the protocol. Does not belong here: assertions.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from pipelines.lake.clock import Clock

CLIENT_ID = "halton-web"
CLIENT_SECRET = "s3cret/with+signs"  # its signs are percent-encoded inside HTTP Basic


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@lru_cache(maxsize=8)
def signing_key(kind: str, number: int = 1) -> Key:
    """Return a key of an algorithm; made once, RSA takes its time."""
    if kind == "RS256":
        return RSAKey.generate_key(2048, {"kid": f"rsa-{number}"})
    if kind == "ES256":
        return ECKey.generate_key("P-256", {"kid": f"ec-{number}"})
    return OKPKey.generate_key("Ed25519", {"kid": f"ed-{number}"})


@dataclass
class LocalIssuer:
    """The issuer. Tests change its attributes to make it another one.

    Attributes:
        algorithm: of the tokens it signs.
        key: what it signs with.
        published: the JWK set it publishes.
        account: claims of whoever signs in next.
        header: more fields of a token's header.
        change_claims: has the last word on a token's claims.
        change_token: has the last word on a token.
        metadata: overrides of what it publishes about itself.
        calls: how often each path was asked.
    """

    clock: Clock
    url: str = ""
    algorithm: str = "RS256"
    key: Key = field(default_factory=lambda: signing_key("RS256"))
    published: dict[str, Any] = field(default_factory=dict)
    account: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    change_claims: Callable[[dict[str, Any]], None] = lambda claims: None
    change_token: Callable[[str], str] = lambda token: token
    metadata: dict[str, Any] = field(default_factory=dict)
    user_info: dict[str, Any] | None = None
    raw: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    secret: str | None = CLIENT_SECRET
    calls: Counter[str] = field(default_factory=Counter)
    granted: dict[str, dict[str, Any]] = field(default_factory=dict)

    def start(self) -> None:
        """Listen on a free loopback port."""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(*issuer.get(urlsplit(self.path).path, self.headers.get("Authorization", "")))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                self._answer(*issuer.post(urlsplit(self.path).path, form, self.headers.get("Authorization", "")))

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.published = {"keys": [self.key.as_dict(private=False)]}
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def use(self, algorithm: str, number: int = 1, *, publish: bool = True) -> None:
        """Sign with another key from now on, and publish it unless told otherwise."""
        self.algorithm, self.key = algorithm, signing_key(algorithm, number)
        if publish:
            self.published = {"keys": [self.key.as_dict(private=False)]}

    def authorise(self, location: str) -> str:
        """Do what a person at the issuer does; return where the browser is sent back to, without the host."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        assert location.startswith(f"{self.url}/authorize?")
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT_ID)
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        assert "email" in asked["scope"].split()
        code = f"code-{len(self.granted)}"
        self.granted[code] = {**asked, "account": dict(self.account)}
        return f"{urlsplit(asked['redirect_uri']).path}?code={code}&state={asked['state']}"

    def get(self, path: str, authorization: str) -> tuple[int, bytes]:
        self.calls[path] += 1
        if path in self.raw:
            return self.raw[path]
        if path == "/.well-known/openid-configuration":
            return 200, json.dumps(self._metadata()).encode()
        if path == "/jwks":
            return 200, json.dumps(self.published).encode()
        if path == "/userinfo" and authorization == "Bearer the-access-token" and self.user_info is not None:
            return 200, json.dumps(self.user_info).encode()
        return 404, b"{}"

    def post(self, path: str, form: dict[str, str], authorization: str) -> tuple[int, bytes]:
        self.calls[path] += 1
        if path in self.raw:
            return self.raw[path]
        granted = self.granted.pop(form.get("code", ""), None)
        if granted is None or not self._client(form, authorization):
            return 400, b'{"error":"invalid_grant"}'
        if _encoded(hashlib.sha256(form["code_verifier"].encode()).digest()) != granted["code_challenge"]:
            return 400, b'{"error":"invalid_grant"}'
        assert form["redirect_uri"] == granted["redirect_uri"]
        token = self.change_token(self.sign(granted))
        return 200, json.dumps({"id_token": token, "access_token": "the-access-token"}).encode()

    def sign(self, granted: dict[str, Any]) -> str:
        now = int(self.clock.now().timestamp())
        claims: dict[str, Any] = {
            "iss": self.url, "aud": CLIENT_ID, "exp": now + 300, "iat": now, "nonce": granted["nonce"],
            **granted["account"],
        }  # fmt: skip
        self.change_claims(claims)
        header = {"alg": self.algorithm, "kid": self.key.kid, "cat": "issuers add fields", **self.header}
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
        model = JWSRegistry.algorithms["Ed25519" if self.algorithm == "EdDSA" else self.algorithm]
        return f"{signed}.{_encoded(model.sign(signed.encode(), self.key))}"

    def _client(self, form: dict[str, str], authorization: str) -> bool:
        if self.secret is None:
            return form.get("client_id") == CLIENT_ID and not authorization
        if form.get("client_secret") is not None:
            return (form["client_id"], form["client_secret"]) == (CLIENT_ID, self.secret)
        name, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        return (unquote_plus(name), unquote_plus(password)) == (CLIENT_ID, self.secret)

    def _metadata(self) -> dict[str, Any]:
        known = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "userinfo_endpoint": f"{self.url}/userinfo",
        }
        return {name: value for name, value in {**known, **self.metadata}.items() if value is not None}
