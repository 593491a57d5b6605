"""An issuer's signing keys: which of those it publishes count.

Belongs here: reading a JWK set. Does not belong here: fetching it (`issuer`), using it (`id_tokens`).

A key counts for one algorithm, which follows from its kind: RSA of 2048 bits or more for RS256, P-256 for ES256,
Ed25519 for EdDSA. Symmetric keys, private parts and keys for encryption are passed over, and so is whatever cannot be
read: one bad entry takes no good one with it.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

IssuerKeys = Mapping[str | None, Key]
"""An issuer's signing keys by their id; None names the only one of an issuer that has one."""
_RSA_BITS_MIN: Final = 2048


class _Published(msgspec.Struct, frozen=True):
    kty: str
    kid: str | None = None
    use: str = "sig"
    alg: str | None = None
    crv: str = ""
    n: str = ""
    e: str = ""
    x: str = ""
    y: str = ""


class _KeySet(msgspec.Struct, frozen=True):
    keys: list[Any] = []


def read_keys(published: Mapping[str, Any]) -> IssuerKeys:
    """Return the usable signing keys of a JWK set."""
    try:
        entries = msgspec.convert(published, _KeySet).keys
    except msgspec.ValidationError:
        return {}
    usable: list[tuple[str | None, Key]] = []
    for entry in entries:
        try:
            read = msgspec.convert(entry, _Published)
            key = _key(read)
        except (msgspec.ValidationError, JoseError, ValueError, TypeError):
            continue
        if key is not None:
            usable.append((read.kid, key))
    found: dict[str | None, Key] = {}
    for key_id, key in usable:
        if key_id is not None:
            found.setdefault(key_id, key)
    if len(usable) == 1:
        found[None] = usable[0][1]
    return found


def _key(published: _Published) -> Key | None:
    if published.use != "sig":
        return None
    if published.kty == "RSA" and published.alg in {None, "RS256"} and _bits(published.n) >= _RSA_BITS_MIN:
        return RSAKey.import_key({"kty": "RSA", "n": published.n, "e": published.e})
    if (published.kty, published.crv) == ("EC", "P-256") and published.alg in {None, "ES256"}:
        return ECKey.import_key({"kty": "EC", "crv": "P-256", "x": published.x, "y": published.y})
    if (published.kty, published.crv) == ("OKP", "Ed25519") and published.alg in {None, "EdDSA", "Ed25519"}:
        return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": published.x})
    return None


def _bits(number: str) -> int:
    return int.from_bytes(urlsafe_b64decode(number + "=" * (-len(number) % 4))).bit_length()
