"""A call as a row of the store, and back.

Belongs here: the columns of a call, and bending what no row can hold. Does not belong here: tables (`migrations`),
where rows are asked for (the modules with queries).
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from daemon.calls.call import Call
from daemon.calls.tokens import Tokens
from daemon.clock import to_micros
from daemon.store.text import held
from daemon.wire.record import MILLICENTS_MAX, TOKENS_MAX

_TOKEN_FIELDS: Final = tuple(field.name for field in msgspec.structs.fields(Tokens))
_CALL_FIELDS: Final = tuple(field.name for field in msgspec.structs.fields(Call) if field.name != "tokens")
_FLAGS: Final = ("streamed", "tokens_complete", "retryable")
_WIDTH: Final = len(_CALL_FIELDS)
LAST_INSTANT_US: Final = to_micros(datetime(9999, 12, 31, tzinfo=UTC))
"""The latest instant a row may bear: later ones cannot be written as a date everywhere."""
_TEXT_MAX: Final = 8192
"""Longest text of a column, in characters; a path may have 4096."""
_WHOLE_MAX: Final = 2**62

COLUMNS: Final = ", ".join((*_CALL_FIELDS, *(f"{name}_tokens" for name in _TOKEN_FIELDS)))
"""Names of a call's columns, in the order `call_of` reads them."""
_PLACES: Final = ", ".join("?" * (len(_CALL_FIELDS) + len(_TOKEN_FIELDS)))
INSERT: Final = (
    f"INSERT INTO calls ({COLUMNS}) SELECT {_PLACES} WHERE NOT EXISTS (SELECT 1 FROM purged_ids WHERE id = ?)"  # noqa: S608 - made of names alone
    " ON CONFLICT (id) DO NOTHING"
)
"""Adds a row unless its id is known or was purged; parameters are `parameters_of`."""
SELECT: Final = f"SELECT {COLUMNS} FROM calls "  # noqa: S608 - made of names alone
"""The beginning of every query for calls."""


def parameters_of(call: Call) -> list[Any]:
    """Return the parameters of `INSERT` for a call, bent to what a row can hold."""
    held = storable(call)
    values = [getattr(held, name) for name in _CALL_FIELDS]
    values += [getattr(held.tokens, name) for name in _TOKEN_FIELDS]
    return [*values, purged_key(held.id)]


def call_of(row: Sequence[Any]) -> Call:
    """Return the call in a row whose columns are `COLUMNS`."""
    values: dict[str, Any] = dict(zip(_CALL_FIELDS, row, strict=False))
    for name in _FLAGS:
        if values[name] is not None:
            values[name] = bool(values[name])
    return Call(tokens=Tokens(**dict(zip(_TOKEN_FIELDS, row[_WIDTH:], strict=True))), **values)


def calls_of(rows: Iterable[Sequence[Any]]) -> list[Call]:
    """Return the calls in rows whose columns are `COLUMNS`."""
    return [call_of(row) for row in rows]


def purged_key(call_id: str) -> bytes:
    """Return how a purged id is remembered: half the size of its text where it is a UUID."""
    digits = call_id.replace("-", "")
    try:
        return bytes.fromhex(digits) if len(digits) == 32 else call_id.encode()  # noqa: PLR2004 - digits of a UUID
    except ValueError:
        return call_id.encode()


def storable(call: Call) -> Call:
    """Return the call as a row can hold it, so that one absurd value never keeps a batch of calls out.

    Instants are moved into the years 1970 to 9999, texts lose lone surrogates and what is beyond 8192 characters,
    unbelievable counts become the nearest believable ones (`tokens_complete` says so), a cost out of range is unknown.
    """
    tokens = {name: _within(getattr(call.tokens, name), TOKENS_MAX) for name in _TOKEN_FIELDS}
    tokens["thinking"] = min(tokens["thinking"], tokens["output"])
    believed = Tokens(**tokens)
    changes: dict[str, Any] = {
        name: held(value, _TEXT_MAX) for name in _CALL_FIELDS if isinstance(value := getattr(call, name), str)
    }
    cost = call.cost_millicents
    wait = call.time_to_first_token_ms
    return msgspec.structs.replace(
        call,
        **changes,
        requested_at_us=_within(call.requested_at_us, LAST_INSTANT_US),
        recorded_at_us=_within(call.recorded_at_us, LAST_INSTANT_US),
        tokens=believed,
        tokens_complete=call.tokens_complete and believed == call.tokens,
        cost_millicents=cost if cost is not None and 0 <= cost <= MILLICENTS_MAX else None,
        latency_ms=call.latency_ms if math.isfinite(call.latency_ms) and call.latency_ms >= 0 else 0.0,
        time_to_first_token_ms=None if wait is None else _within(wait, _WHOLE_MAX),
        http_status=None if call.http_status is None else _within(call.http_status, 999),
    )


def _within(value: int, largest: int) -> int:
    return min(max(value, 0), largest)


def count_of(cursor: sqlite3.Cursor) -> int:
    """Return the one number a query asks for."""
    return int(cursor.fetchone()[0])
