"""What a specification needs where its rows say next to nothing: all zeros, no categories, no row.

Belongs here: scales and legends that the engine cannot make of such rows. Does not belong here: rows, colours,
specifications.

An axis over zeros alone has no length: the engine draws its line in mid-air. A legend without an entry has no height
that it can tell, and makes the whole drawing infinitely high.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

Part = dict[str, Any]
_NOTHING: Final = [0, 1]
"""The ends of an axis on which nothing lies above zero."""


def settle(made: Part, rows: Sequence[Mapping[str, Any]]) -> None:
    """Give axes without an amount their length, and leave out legends without an entry; changes `made`.

    Args:
        made: a Vega-Lite specification.
        rows: its own, as they stand in it.
    """
    for channel in ("x", "y"):
        for group in _groups(made, channel):
            _settle_axis(list(_encodings(group)), channel, rows)
    for encoding in _encodings(made):
        for channel in ("x", "y"):
            if not rows and encoding.get(channel, {}).get("type") == "temporal":
                encoding[channel]["axis"] = None  # there is no day to write at it
    if all(row.get("series") is None for row in rows):
        for encoding in _encodings(made):
            colour = encoding.get("color")
            if isinstance(colour, dict) and colour.get("field") == "series":
                colour["legend"] = None


def _settle_axis(encodings: Sequence[Part], channel: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Settle one axis, which the encodings share."""
    along = [one[channel] for one in encodings if one.get(channel, {}).get("type") == "quantitative"]
    ends = [one[f"{channel}2"] for one in encodings if f"{channel}2" in one]
    fields = {one["field"] for one in (*along, *ends) if "field" in one}
    if any(isinstance(row.get(field), int | float) and row[field] for row in rows for field in fields):
        return
    for one in along:
        # A scale that was given its ends keeps them; None would be no scale at all.
        if isinstance(one.get("scale", {}), dict) and "domain" not in one.get("scale", {}):
            one["scale"] = {**one.get("scale", {}), "domain": _NOTHING}


def _groups(made: Part, channel: str) -> Sequence[Part]:
    """Return the parts that share an axis: all layers, unless each has its own."""
    own = made.get("resolve", {}).get("scale", {}).get(channel) == "independent"
    return made["layer"] if own else [made]


def _encodings(part: Part) -> Iterator[Part]:
    if "encoding" in part:
        yield part["encoding"]
    for layer in part.get("layer", ()):
        yield from _encodings(layer)
