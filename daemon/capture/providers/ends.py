"""What can still be read of an object that is too long to be held: its beginning and its end.

Belongs here: finding single fields in pieces of JSON. Does not belong here: what the fields mean.

Within a text a quotation mark is escaped, so that `"usage":` is a key of the object or of one inside it, never
something a model said.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

_FIRST: Final = ("id", "type", "status", "model", "stream")
"""Keys that stand before anything long; the first is the object's own."""
_LAST: Final = (
    "usage",
    "usageMetadata",
    "modelVersion",
    "responseId",
    "service_tier",
    "stop_reason",
    "finish_reason",
    "finishReason",
    "incomplete_details",
)
"""Keys that stand behind anything long; the last is the object's own."""
_DECODER: Final = json.JSONDecoder()
_VALUE_MAX: Final = 16 * 1024


def from_ends(head: bytes, tail: bytes) -> dict[str, Any]:
    """Return an object like the one that `head` and `tail` are the ends of, with the fields that the surfaces read."""
    start, end = (piece.decode("utf-8", "replace") for piece in (head, tail))
    found: dict[str, Any] = {}
    for key in _FIRST:
        places = [match.end() for match in re.finditer(rf'"{key}"\s*:\s*', start)][:1]
        _take(found, key, start, places)
        if key not in found:
            _take(found, key, end, _places(key, end))
    for key in _LAST:
        _take(found, key, end, _places(key, end))
    found["choices"] = [{"finish_reason": found.get("finish_reason")}]
    found["candidates"] = [{"finishReason": found.get("finishReason")}]
    return {**found, "response": found}


def _places(key: str, text: str) -> list[int]:
    return [match.end() for match in re.finditer(rf'"{key}"\s*:\s*', text)][::-1]


def _take(found: dict[str, Any], key: str, text: str, places: list[int]) -> None:
    for place in places[:4]:
        try:
            value, _ = _DECODER.raw_decode(text[place : place + _VALUE_MAX])
        except (ValueError, RecursionError):
            continue
        if value is not None:
            found[key] = value
            return
