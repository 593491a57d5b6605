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
from api.dashboards.queries.anomalies import AnomalyPosition
from api.dashboards.queries.reconciliation import WeightPosition
from api.dashboards.queries.requests import Position
from pipelines.lake.clock import from_micros, to_micros

_SHAPE: Final = re.compile(r"r1:(\d{1,16}):([0-9a-f]{32})")
_WEIGHT_SHAPE: Final = re.compile(r"w1:(\d{1,38}):([0-9a-f]{32})", re.ASCII)
_ANOMALY_SHAPE: Final = re.compile(r"a1:(\d{1,16}):(-?\d{1,19}):([0-9a-f]{1,64})", re.ASCII)
_LENGTH_MAX: Final = 160


def encode_cursor(position: Position) -> str:
    """Return a position as URL-safe text."""
    text = f"r1:{to_micros(position.requested_at)}:{uuid.UUID(position.request_id).hex}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def parse_cursor(text: str | None) -> Position | None:
    """Return the position a cursor names; None for none.

    Raises:
        FilterError: the text is no cursor of ours.
    """
    found = _parsed(_SHAPE, text)
    if found is None:
        return None
    try:
        return Position(from_micros(int(found[1])), str(uuid.UUID(found[2])))
    except OverflowError:
        raise FilterError(_REFUSAL) from None


def encode_weight_cursor(position: WeightPosition) -> str:
    """Return a position among requests by weight as URL-safe text."""
    text = f"w1:{position.weight_picousd}:{uuid.UUID(position.request_id).hex}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def parse_weight_cursor(text: str | None) -> WeightPosition | None:
    """Return the position among requests by weight that a cursor names; None for none.

    Raises:
        FilterError: the text is no cursor of ours.
    """
    found = _parsed(_WEIGHT_SHAPE, text)
    return None if found is None else WeightPosition(int(found[1]), str(uuid.UUID(found[2])))


def encode_anomaly_cursor(position: AnomalyPosition) -> str:
    """Return a position among anomalies as URL-safe text."""
    text = f"a1:{to_micros(position.hour_starts_at)}:{position.excess_millicents}:{position.anomaly_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def parse_anomaly_cursor(text: str | None) -> AnomalyPosition | None:
    """Return the position among anomalies that a cursor names; None for none.

    Raises:
        FilterError: the text is no cursor of ours.
    """
    found = _parsed(_ANOMALY_SHAPE, text)
    if found is None:
        return None
    try:
        return AnomalyPosition(from_micros(int(found[1])), int(found[2]), found[3])
    except OverflowError:
        raise FilterError(_REFUSAL) from None


def _parsed(shape: re.Pattern[str], text: str | None) -> re.Match[str] | None:
    if not text:
        return None
    try:
        padded = text + "=" * (-len(text) % 4)
        decoded = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeError):
        raise FilterError(_REFUSAL) from None
    found = shape.fullmatch(decoded) if len(text) <= _LENGTH_MAX else None
    if found is None:
        raise FilterError(_REFUSAL)
    return found


_REFUSAL: Final = "cursor must be the next_cursor of an earlier answer."
