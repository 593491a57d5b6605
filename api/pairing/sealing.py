"""Keeping a new token between its making and its first use, so that a lost answer can be repeated.

Belongs here: sealing under a key that only the poll token yields. Does not belong here: when a seal is broken or wiped
(`sessions`, `api.auth`).

The server stores the SHA-256 of the poll token and, for a while, the sealed token. Neither opens the other: the key is
HKDF-SHA256 of the poll token itself, which only the waiting daemon holds.
"""

from __future__ import annotations

import os
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES: Final = 12
_PURPOSE: Final = b"halton pairing: token awaiting its first use"


def seal(token: str, *, poll_token: str, session_id: str) -> bytes:
    """Return the token sealed for the holder of `poll_token`; bound to one pairing session."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(_key(poll_token)).encrypt(nonce, token.encode(), session_id.encode())


def unseal(sealed: bytes, *, poll_token: str, session_id: str) -> str:
    """Return the sealed token.

    Raises:
        cryptography.exceptions.InvalidTag: another poll token, another session, or altered bytes.
    """
    nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    return AESGCM(_key(poll_token)).decrypt(nonce, ciphertext, session_id.encode()).decode()


def _key(poll_token: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(poll_token.encode())
