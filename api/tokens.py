"""Bearer secrets: how they look, how they are made, and how they are recognised without the database.

Belongs here: the format and checksum of sync tokens and API keys, and their stored digest. Does not belong here: whom a
token stands for (`api.auth`), or keeping it safe until it is collected (`api.pairing.sealing`).

    hm_sync_ + 30 random base62 characters (178 bits) + 6 base62 characters of CRC32
    hm_api_  + the same

The checksum covers prefix and random part: a mistyped, cut or mixed-up secret is refused without touching the database,
and secret scanners can recognise one in a commit.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from enum import StrEnum

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_LENGTH = 30
_CHECK_LENGTH = 6
_SECRET = re.compile(rf"(hm_sync_|hm_api_)([0-9A-Za-z]{{{_RANDOM_LENGTH}}})([0-9A-Za-z]{{{_CHECK_LENGTH}}})", re.ASCII)
_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE | re.ASCII)


class SecretKind(StrEnum):
    """What a secret opens, told by its prefix."""

    SYNC = "hm_sync_"
    API = "hm_api_"


def new_secret(kind: SecretKind) -> str:
    """Return a fresh secret from the system's randomness."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
    return kind.value + body + _checksum(kind.value + body)


def secret_kind(text: str) -> SecretKind | None:
    """Return the kind of a well-formed secret with a right checksum, else None."""
    match = _SECRET.fullmatch(text)
    if match is None or _checksum(match[1] + match[2]) != match[3]:
        return None
    return SecretKind(match[1])


def secret_digest(secret: str) -> str:
    """Return what is stored of a secret: its SHA-256, hex; 178 random bits need no salt or slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def bearer_secret(authorization: str | None, kind: SecretKind) -> str | None:
    """Return the secret of an `Authorization: Bearer` header when it is well-formed and of this kind, else None."""
    match = _BEARER.fullmatch(authorization or "")
    if match is None or secret_kind(match[1]) is not kind:
        return None
    return match[1]


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode("ascii"))
    digits: list[str] = []
    for _ in range(_CHECK_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
