"""Text that people and their browsers give: making it fit its column.

Belongs here: clipping, showing, and the check every name passes. Does not belong here: what a field means.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from api.errors import invalid

NAME_LENGTH_MAX: Final = 255
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_KEPT: Final = frozenset("\t\n\r\u200c\u200d")
"""Blanks, and the joiners that Persian, Hindi and emoji are written with; they turn nothing round."""
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def is_id(text: str) -> bool:
    """Tell whether text from outside may be one of our ids; nothing else is looked up by id."""
    return _ID.fullmatch(text) is not None


def clipped(text: str, length: int) -> str:
    """Return at most `length` characters of text that can be stored and shown: control characters become spaces."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:length])


def visible(text: str) -> str:
    """Return text as it may be shown: what cannot be seen or turns text round is a replacement character."""
    if text.isprintable():
        return text
    return "".join(
        "\ufffd" if unicodedata.category(letter) in _UNSEEN and letter not in _KEPT else letter for letter in text
    )


def checked_name(text: str, *, what: str = "name", optional: bool = False) -> str:
    """Return a name without the blanks around it.

    Args:
        text: as it came.
        what: how the refusal calls it.
        optional: whether it may be empty.

    Raises:
        Refused: 422 when it is empty, longer than 255 characters, or has control or direction-changing characters.
    """
    name = text.strip()
    if optional and not name:
        return ""
    # isprintable is false for controls, separators and the characters that turn the direction of text round.
    if not name or len(name) > NAME_LENGTH_MAX or not name.isprintable():
        raise invalid(f"The {what} must have 1 to {NAME_LENGTH_MAX} printable characters.")
    return name
