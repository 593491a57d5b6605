"""The rules every record meets, judged column by column.

Belongs here: what makes a well-typed record unacceptable, and the wording of its reason. Does not belong here: JSON
(`columnar`, `rowwise`) and what happens to the rows afterwards (`prepare`).

A clean upload is recognised from each column's minimum, maximum and null count; masks are only built for a column that
has something to refuse. Every call into Arrow costs some 10 µs whatever it does, so each rule first asks the question
that one call answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pyarrow as pa

from api.ingest.request_ids import uuid_values
from daemon.wire.record import MILLICENTS_MAX, TOKENS_MAX
from pipelines.lake.arrow import Column, array
from pipelines.lake.arrow import compute as pc
from pipelines.lake.clock import to_micros
from pipelines.lake.schema import INSTANT, WIRE_TYPES

_UUID: Final = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
_EARLIEST_US: Final = to_micros(datetime.fromisoformat("2020-01-01T00:00:00Z"))
_FUTURE_ALLOWED: Final = timedelta(hours=48)

_TOKENS: Final = ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens")
_RANGES: Final[dict[str, tuple[float, float]]] = {
    **dict.fromkeys(_TOKENS, (0, TOKENS_MAX)),
    "cost_millicents": (0, MILLICENTS_MAX),
    "cost_usd_minor_units": (0, MILLICENTS_MAX),
    "latency_ms": (0, float(2**53)),
    "time_to_first_token_ms": (0, 2**53),
    "http_status": (0, 999),
}
_LONGEST: Final = {
    "project": 255,
    "provider": 64,
    "model": 255,
    "fx_rate": 32,
    "status": 64,
    "request_kind": 64,
    "attribution_method": 32,
    "source_workdir": 4096,
    "source_machine": 255,
    "prompt_hash": 128,
    "idempotency_key": 255,
    "error_class": 64,
    "provider_error_code": 255,
    "billing_basis": 24,
}
_NEVER_EMPTY: Final = ("provider", "model", "status")
_REQUIRED: Final = tuple(name for name, (_, nullable) in WIRE_TYPES.items() if not nullable)

Mask = Column


@dataclass(frozen=True)
class Fault:
    """One rule some records break.

    Attributes:
        broken: True at each record that breaks it.
        code: stable lower_snake_case reason.
        detail: one plain sentence.
    """

    broken: Mask
    code: str
    detail: str


@dataclass(frozen=True)
class Judgement:
    """What the rules found in an upload's columns.

    Attributes:
        instants: parsed instants by key, UTC microseconds with null where unreadable.
        ids: the ids as UUID values; None when not every one is a UUID.
        faults: in order of precedence.
    """

    instants: dict[str, Column]
    ids: Column | None
    faults: list[Fault]


def judge(columns: dict[str, Column], now: datetime, *, nul_free: bool = False) -> Judgement:
    """Judge well-typed records.

    Args:
        columns: wire key to column, as read (instants as text).
        now: the server's instant; records further than 48 h ahead of it are refused.
        nul_free: it is known that no text holds a NUL character.
    """
    instants = {name: parse_instants(columns[name]) for name in ("requested_at", "recorded_at")}
    latest_us = to_micros(now + _FUTURE_ALLOWED)
    faults: list[Fault] = []
    for name in _REQUIRED:
        faults.extend(_missing(name, columns[name]))
    ids = uuid_values(columns["id"])
    if ids is None:
        faults.extend(_not_uuid(columns["id"]))
    for name, (low, high) in _RANGES.items():
        faults.extend(_outside(name, columns[name], low, high))
    for name, longest in _LONGEST.items():
        faults.extend(_bad_text(name, columns[name], longest, nul_free=nul_free))
    faults.extend(_costs_differ(columns["cost_millicents"], columns["cost_usd_minor_units"]))
    for name, parsed in instants.items():
        faults.extend(_bad_instant(name, columns[name], parsed, latest_us))
    return Judgement(instants=instants, ids=ids, faults=faults)


def parse_instants(text: Column) -> Column:
    """Parse ISO-8601 text with a zone to UTC microseconds; null where it is none.

    Args:
        text: string array.

    Returns:
        timestamp[us, UTC] array of the same length.
    """
    try:
        return pc.cast(text, INSTANT)
    except pa.ArrowInvalid:
        return array([_instant(item) for item in text.to_pylist()], INSTANT)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
        return parsed.astimezone(UTC) if parsed.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _any(mask: Mask) -> bool:
    return pc.any(mask).as_py() is True


def _missing(name: str, column: Column) -> Iterator[Fault]:
    if column.null_count:
        yield Fault(pc.is_null(column), "field_required", f"{name} is missing or null.")


def _not_uuid(column: Column) -> Iterator[Fault]:
    broken = pc.invert(pc.match_substring_regex(column, _UUID))
    if _any(broken):
        yield Fault(broken, "invalid_id", "id is not a UUID.")


def _outside(name: str, column: Column, low: float, high: float) -> Iterator[Fault]:
    if column.null_count == len(column):
        return
    # NaN compares as neither, so it is asked for by name; one in the sum shows in the sum.
    if name == "latency_ms" and not math.isfinite(pc.sum(column).as_py()):
        not_finite = pc.invert(pc.is_finite(column))
        if _any(not_finite):
            yield Fault(not_finite, "invalid_number", f"{name} is not a finite number.")
    extremes: dict[str, Any] = pc.min_max(column).as_py()
    if extremes["min"] is not None and extremes["min"] < low:
        yield Fault(pc.less(column, pa.scalar(low, column.type)), "negative_number", f"{name} is negative.")
    if extremes["max"] is not None and extremes["max"] > high:
        yield Fault(pc.greater(column, pa.scalar(high, column.type)), "number_too_large", f"{name} is too large.")


def _bad_text(name: str, column: Column, longest: int, *, nul_free: bool) -> Iterator[Fault]:
    if column.null_count == len(column):
        return
    # A text has at least as many bytes as characters, and Arrow knows bytes without looking at the text.
    extremes: dict[str, Any] = pc.min_max(pc.binary_length(column)).as_py()
    lengths = pc.utf8_length(column) if extremes["max"] > longest or extremes["min"] == 0 else None
    if lengths is not None and pc.max(lengths).as_py() > longest:
        yield Fault(pc.greater(lengths, longest), "text_too_long", f"{name} is longer than {longest} characters.")
    if lengths is not None and extremes["min"] == 0 and name in _NEVER_EMPTY:
        yield Fault(pc.equal(lengths, 0), "field_required", f"{name} is empty.")
    if not nul_free and _any(with_nul := pc.match_substring(column, "\0")):
        yield Fault(with_nul, "invalid_text", f"{name} contains a NUL character.")


def _costs_differ(cost: Column, again: Column) -> Iterator[Fault]:
    # Null against a number is no contradiction: a sender may fill only one of the two names.
    if cost.equals(again):
        return
    broken = pc.not_equal(cost, again)
    if _any(broken):
        yield Fault(broken, "costs_differ", "cost_millicents and cost_usd_minor_units are not the same number.")


def _bad_instant(name: str, text: Column, parsed: Column, latest_us: int) -> Iterator[Fault]:
    if parsed.null_count > text.null_count:
        unreadable = pc.and_(pc.is_null(parsed), pc.is_valid(text))
        yield Fault(unreadable, "invalid_instant", f"{name} is not an ISO-8601 instant with a zone.")
    micros: Column = parsed.view(pa.int64())
    extremes: dict[str, Any] = pc.min_max(micros).as_py()
    if extremes["min"] is not None and (extremes["min"] < _EARLIEST_US or extremes["max"] > latest_us):
        outside = pc.or_(pc.less(micros, _EARLIEST_US), pc.greater(micros, latest_us))
        yield Fault(outside, "instant_out_of_range", f"{name} is before 2020 or more than 48 hours ahead.")
