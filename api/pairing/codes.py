"""Pairing codes: eight characters a person reads off one screen and types on another.

Belongs here: making, showing, reading and hashing codes. Does not belong here: what a code stands for (`sessions`).

The alphabet leaves out 0 O 1 I L. A code is 31^8 (8.5 * 10^11) strong, lives ten minutes, and burns after five wrong
tries. A try is counted against the codes whose first half it names: without that half a guesser reaches nobody's
code, and with it he has five tries in 923,521.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_HALF: Final = 4


def new_code() -> str:
    """Return a fresh code as it is shown, `XXXX-XXXX`."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(2 * _HALF))
    return f"{letters[:_HALF]}-{letters[_HALF:]}"


def read_code(text: str) -> str | None:
    """Return the code a person meant, as it is shown; case, spaces and dashes do not matter. None: not a code."""
    letters = "".join(letter for letter in text.upper() if letter not in " -\t\r\n")
    if len(letters) != 2 * _HALF or any(letter not in ALPHABET for letter in letters):
        return None
    return f"{letters[:_HALF]}-{letters[_HALF:]}"


def code_digest(code: str) -> str:
    """Return the stored hash of a shown code."""
    return hashlib.sha256(b"pairing code\0" + code.encode()).hexdigest()


def locator_digest(code: str) -> str:
    """Return the stored hash of a shown code's first half."""
    return hashlib.sha256(b"pairing locator\0" + code[:_HALF].encode()).hexdigest()
