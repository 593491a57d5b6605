"""Judging an ID token: whether the issuer signed it, for us, for this sign-in, just now.

Belongs here: signature and claims. Does not belong here: which keys count (`keys`), fetching them (`issuer`), what the
person's row becomes (`identities`).

RS256, ES256 and Ed25519 (which tokens call `EdDSA`) are taken, each with a key of its own kind only. `none`, and HS256
whose "key" everybody knows, are not among them whatever a token's header says.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import InvalidKeyIdError, JoseError, UnsupportedAlgorithmError
from joserfc.jwk import Key
from joserfc.jws import CompactSignature

from api.sign_in.oidc.keys import IssuerKeys
from api.sign_in.oidc.settings import OidcSettings

LEEWAY: Final = timedelta(seconds=60)
"""How far the issuer's clock may be off."""
TOKEN_AGE_MAX: Final = timedelta(minutes=10)
TOKEN_BYTES_MAX: Final = 64 * 1024
_HEADER_BYTES_MAX: Final = 8 * 1024
_SUBJECT_LENGTH_MAX: Final = 255
_ALGORITHMS: Final = MappingProxyType({
    "RS256": jws.JWSRegistry.algorithms["RS256"],
    "ES256": jws.JWSRegistry.algorithms["ES256"],
    "Ed25519": jws.JWSRegistry.algorithms["Ed25519"],
    "EdDSA": jws.JWSRegistry.algorithms["Ed25519"],
})  # fmt: skip
_TROUBLES: Final = (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)
"""What reading hostile tokens raises."""


class BadTokenError(Exception):
    """The ID token is not to be trusted; the message, for the log, says why and holds nothing of it."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good token says.

    Attributes:
        subject: the account's id at the issuer.
        email: its address, as the issuer writes it; None when the token has none.
        email_verified: whether the issuer vouches for the address.
        name: what the person is called there.
    """

    subject: str
    email: str | None
    email_verified: bool
    name: str | None


class _Registry(jws.JWSRegistry):
    """Takes our algorithms and no others; the library would take more, and warns of the name `EdDSA`."""

    max_header_length = _HEADER_BYTES_MAX

    def get_alg(self, name: str) -> Any:
        if name not in _ALGORITHMS:
            raise UnsupportedAlgorithmError("the algorithm is not one of ours")
        return _ALGORITHMS[name]


_REGISTRY: Final = _Registry(strict_check_header=False)  # issuers add header fields of their own; `crit` is checked


def key_id_of(token: str) -> str | None:
    """Return which key a token says it was signed with; nothing of it is trusted yet.

    Raises:
        BadTokenError: it is no token, or of an algorithm we do not take.
    """
    if len(token) > TOKEN_BYTES_MAX:
        raise BadTokenError("it is too long")
    try:
        header = jws.extract_compact(token.encode(), registry=_REGISTRY).headers()
        _REGISTRY.get_alg(str(header.get("alg")))
    except _TROUBLES as error:
        raise BadTokenError(f"its header is not usable: {type(error).__name__}") from error
    key_id = header.get("kid")
    if key_id is not None and not isinstance(key_id, str):
        raise BadTokenError("its key id is no text")
    return key_id


def judge(token: str, keys: IssuerKeys, settings: OidcSettings, *, nonce_sha256: str, at: datetime) -> Claims:
    """Return what a token says, once everything about it is right.

    Args:
        token: as the issuer gave it.
        keys: the issuer's.
        settings: whose token it must be, and for whom.
        nonce_sha256: SHA-256 of the nonce this sign-in began with, hex.
        at: when it came.

    Raises:
        BadTokenError: anything about it is wrong.
    """
    key_id_of(token)

    def key(signature: Any) -> Key:
        assert isinstance(signature, CompactSignature)  # noqa: S101 - only compact tokens are decoded here
        try:
            return keys[signature.headers().get("kid")]
        except (KeyError, TypeError):
            raise InvalidKeyIdError from None

    try:
        decoded = jwt.decode(token, key, registry=_REGISTRY)
        claims = decoded.claims
        registry = jwt.JWTClaimsRegistry(
            now=int(at.timestamp()),
            leeway=int(LEEWAY.total_seconds()),
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "value": settings.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        registry.validate(claims)
    except _TROUBLES as error:
        raise BadTokenError(_words(error)) from error
    _check_rest(decoded.header, claims, settings, nonce_sha256, at)
    return _claims(claims)


def verified(said: Mapping[str, Any]) -> bool:
    """Tell whether the issuer vouches for the address; some write the word instead of the value."""
    return said.get("email_verified") in (True, "true")


def _check_rest(
    header: Mapping[str, Any], claims: Mapping[str, Any], settings: OidcSettings, nonce_sha256: str, at: datetime
) -> None:
    """Check what the library leaves to its user."""
    if str(header.get("typ", "JWT")).lower() != "jwt":
        raise BadTokenError("it is a token of another kind")
    audience: str | list[str] = claims["aud"]
    authorised = claims.get("azp")
    if authorised is None and not isinstance(audience, str) and len(audience) > 1:
        raise BadTokenError("it has several audiences and does not say whose it is")
    if authorised is not None and authorised != settings.client_id:
        raise BadTokenError("it was issued to another client")
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(_sha256(nonce), nonce_sha256):
        raise BadTokenError("it belongs to another sign-in")
    if claims["iat"] < (at - TOKEN_AGE_MAX - LEEWAY).timestamp():
        raise BadTokenError("it was issued too long ago")


def _claims(claims: Mapping[str, Any]) -> Claims:
    subject, email, name = claims["sub"], claims.get("email"), claims.get("name")
    if not 0 < len(subject) <= _SUBJECT_LENGTH_MAX or not subject.isprintable():
        raise BadTokenError("its subject is not usable")
    return Claims(
        subject=subject,
        email=email if isinstance(email, str) and email else None,
        email_verified=verified(claims),
        name=name if isinstance(name, str) else None,
    )


def _words(error: Exception) -> str:
    """Return what went wrong in the library's words, which name a claim at most."""
    return f"{type(error).__name__} {error if isinstance(error, JoseError) else ''}".strip()[:200]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
