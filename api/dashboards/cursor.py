"""The opaque cursor of keyset paging.

Belongs here: writing a position in the order of recent requests as text and back. Does not belong here: the query.
A cursor names a position, not a page, so that rows arriving meanwhile never make a later page repeat or skip one.
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from typing import Final

from api.dashboards.filters import FilterError
from api.dashboards.queries.requests import Position
from pipelines.lake.clock import from_micros, to_micros

_SHAPE: Final = re.compile(r"r1:(\d{1,16}):([0-9a-f]{32})")
_LENGTH_MAX: Final = 100


def encode_cursor(position: Position) -> str:
    """Return a position as URL-safe text."""
    text = f"r1:{to_micros(position.requested_at)}:{uuid.UUID(position.request_id).hex}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def parse_cursor(text: str | None) -> Position | None:
    """Return the position a cursor names; None for none.

    Raises:
        FilterError: the text is no cursor of ours.
    """
    if not text:
        return None
    try:
        padded = text + "=" * (-len(text) % 4)
        decoded = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode("ascii")
        found = _SHAPE.fullmatch(decoded) if len(text) <= _LENGTH_MAX else None
        if found is None:
            raise FilterError(_REFUSAL)
        return Position(from_micros(int(found[1])), str(uuid.UUID(found[2])))
    except (binascii.Error, UnicodeError, OverflowError):
        raise FilterError(_REFUSAL) from None


_REFUSAL: Final = "cursor must be the next_cursor of an earlier answer."
