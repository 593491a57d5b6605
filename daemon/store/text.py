"""Text as SQLite holds it.

Belongs here: what any text goes through on its way into a query. Does not belong here: making text fit for a terminal.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec


def held(text: str, longest: int | None = None) -> str:
    """Return the text cut to `longest` characters, halves of surrogate pairs replaced: no column takes them."""
    return text[:longest].encode("utf-8", "replace").decode()


def held_list(texts: Collection[str]) -> str:
    """Return texts as the JSON array that a query takes as one parameter."""
    return msgspec.json.encode([held(text) for text in texts]).decode()
