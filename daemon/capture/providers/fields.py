"""Values of JSON that a stranger wrote: what is wanted, or nothing.

Belongs here: decoding, and reading single values out of whatever came. Does not belong here: what any field means (the
surfaces' modules).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from daemon.wire.record import TOKENS_MAX

BROKEN: Final = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)
"""What decoding hostile bytes can raise."""
NAME_MAX: Final = 255
"""Longest name, code or id that is kept, characters."""

_ANY: Final = msgspec.json.Decoder()


def decoded(data: bytes) -> Any:
    """Return the JSON in `data`, None when it is none."""
    try:
        return _ANY.decode(data)
    except BROKEN:
        return None


def mapping(value: Any) -> dict[str, Any]:
    """Return `value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """Return `value` if it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def count(value: Any) -> int | None:
    """Return `value` if it is a believable number of tokens: a whole one in [0, TOKENS_MAX]; zero is one."""
    if type(value) is int and 0 <= value <= TOKENS_MAX:
        return value
    return None


def name(value: Any) -> str | None:
    """Return `value` if it is a text that says something: printable characters only, at most 255."""
    if not isinstance(value, str):
        return None
    text = value[: NAME_MAX * 2]
    if not text.isprintable():
        text = "".join(character for character in text if character.isprintable())
    return text.strip()[:NAME_MAX] or None


def size(value: Any) -> int:
    """Return the bytes of UTF-8 in `value` if it is a text, else 0."""
    if not isinstance(value, str):
        return 0
    return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))


def header(headers: Mapping[str, str], wanted: str) -> str | None:
    """Return the first header named `wanted` (lower case), in whatever case it was sent."""
    for key, value in headers.items():
        if key.lower() == wanted:
            return value
    return None
