"""Streamed answers put together again.

Belongs here: from many events to the texts they spell. Does not belong here: tokens and prices of a stream
(`daemon.capture.providers`), redaction.

A stream gives a text a few letters at a time, and no pattern finds a key of which every event holds four letters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

_SPELLED: Final = frozenset(
    {"text", "content", "delta", "thinking", "partial_json", "arguments", "reasoning", "reasoning_content", "refusal"}
    | {"data", "input", "transcript"}
)
"""Names under which streams give texts bit by bit."""
_DEPTH_MAX: Final = 32
_PLACES: Final = ("index", "output_index", "content_index")


def gathered(text: str, content_type: str) -> str | None:
    """Return the texts of a streamed answer as one JSON object, by where they stood; None when it is no stream.

    Texts that come bit by bit are joined; of everything else the last value counts.
    """
    events = _events(text, content_type)
    if events is None:
        return None
    found: dict[str, Any] = {}
    for event in events:
        for name, value, is_spelled in _leaves(event, _place_of(event), 0):
            before = found.get(name)
            found[name] = before + value if is_spelled and isinstance(before, str) else value
    return json.dumps({"events": len(events), **found}, ensure_ascii=False, indent=1)


def _events(text: str, content_type: str) -> list[Any] | None:
    if content_type == "text/event-stream":
        return list(_parsed(_data(text)))
    if not text.lstrip().startswith("["):
        return None
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return _up_to_the_break(text)
    return values if len(values) > 1 and all(isinstance(value, dict) for value in values) else None


def _data(text: str) -> Iterator[str]:
    for event in text.replace("\r\n", "\n").replace("\r", "\n").split("\n\n"):
        lines = [line.removeprefix("data:").removeprefix(" ") for line in event.split("\n") if line.startswith("data:")]
        if lines:
            yield "\n".join(lines)


def _parsed(texts: Iterator[str]) -> Iterator[Any]:
    for text in texts:
        try:
            yield json.loads(text)
        except (ValueError, RecursionError):
            if text.strip() != "[DONE]":
                yield {"data": text}


def _up_to_the_break(text: str) -> list[Any] | None:
    """Return the whole elements of an array that was cut off."""
    decoder, values, place = json.JSONDecoder(), [], text.index("[") + 1
    while True:
        place += len(text[place : place + 64]) - len(text[place : place + 64].lstrip(" \r\n\t,"))
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            break
        values.append(value)
    return values if values and all(isinstance(value, dict) for value in values) else None


def _place_of(event: Any) -> str:
    if not isinstance(event, dict):
        return ""
    numbers = [str(event[name]) for name in _PLACES if type(event.get(name)) is int]
    return f"{'.'.join(numbers)}:" if numbers else ""


def _leaves(value: Any, name: str, depth: int) -> Iterator[tuple[str, Any, bool]]:
    """Yield each value that holds no further ones: its name, itself, whether it is part of a text."""
    if depth > _DEPTH_MAX:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name and name[-1] != ":" else f"{name}{key}", depth + 1)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _leaves(inner, f"{name}[{place}]", depth + 1)
    else:
        last = name.rpartition(".")[2].rpartition(":")[2].partition("[")[0]
        yield name, value, isinstance(value, str) and last in _SPELLED
