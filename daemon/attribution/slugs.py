"""Names of projects: from whatever a person, a repository or a folder is called to a slug.

Belongs here: the one rule of what a slug looks like. Does not belong here: where names come from (`chain`).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

SLUG_MAX: Final = 64
"""Characters of the longest slug."""
_READ_MAX: Final = 1024
_OTHER: Final = re.compile(r"[^a-z0-9]+")


def slug_of(text: str) -> str | None:
    """Return `text` as a slug: lower-case letters, digits and single hyphens, at most 64; None when nothing is left.

    Accents are dropped (`Café` is `cafe`); everything else that is neither a letter nor a digit of ASCII parts words.
    A slug is its own slug.
    """
    plain = unicodedata.normalize("NFKD", text[:_READ_MAX].casefold())
    bare = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return _OTHER.sub("-", bare.lower()).strip("-")[:SLUG_MAX].rstrip("-") or None
