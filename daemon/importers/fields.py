"""Values out of other programs' files, believed only when they are what they should be.

Belongs here: counts, texts, instants and amounts as foreign files hold them, and ids derived from them. Does not belong
here: what the fields of one format mean (a module per format).

Whatever cannot be believed is None, never an error: one absurd field must not cost the whole line.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from daemon.clock import EPOCH, SECOND, parse_instant, to_micros
from daemon.wire.record import MILLICENTS_MAX, TOKENS_MAX

_NAMESPACE: Final = uuid.UUID("5b0a6c52-6a0e-5f0e-9a52-8f7d1c4be6a1")
_EARLIEST_US: Final = to_micros(datetime(2015, 1, 1, tzinfo=UTC))
_LATEST_US: Final = to_micros(datetime(2200, 1, 1, tzinfo=UTC))
_MILLICENTS_PER_USD: Final = 100_000
_EXACT: Final = Context(prec=60)
_NUMBER_MAX: Final = 64
_INSTANT_MAX: Final = 64
_MILLISECONDS: Final = 100_000_000_000
"""From here on a bare number of an instant counts milliseconds: as seconds it would lie beyond the year 5000."""


def call_id(*parts: object) -> str:
    """Return the UUID of a call that its source names by `parts`: the same parts, the same UUID, for all time."""
    return str(uuid.uuid5(_NAMESPACE, msgspec.json.encode(parts).decode()))


def count(value: Any, most: int = TOKENS_MAX) -> int | None:
    """Return a token count, None unless it is an integer from 0 to `most`: by default, what one call could have."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= most else None


def count_text(value: str | None) -> int | None:
    """Return the count that a cell of a table holds, also when written `59200.0`; None when it holds none."""
    number = decimal_of(value)
    if number is None or not 0 <= number <= TOKENS_MAX or number != int(number):
        return None
    return int(number)


def text(value: Any, longest: int = 255) -> str | None:
    """Return a text cut to `longest` characters, None when it is none, empty or only blanks."""
    if not isinstance(value, str):
        return None
    return value.strip()[:longest] or None


def fields_of(value: Any) -> dict[str, Any]:
    """Return an object's fields; no fields when it is no object."""
    return value if isinstance(value, dict) else {}


def instant_us(value: Any) -> int | None:
    """Return UTC microseconds of an instant: ISO-8601 text (UTC where it names no zone), or seconds or milliseconds.

    None when it is no instant between 2015 and 2200.
    """
    micros = _micros_of(value)
    return micros if micros is not None and _EARLIEST_US <= micros < _LATEST_US else None


def millicents(value: Any) -> int | None:
    """Return an amount in dollars, text or number, in whole millicents; None when it is none or no believable cost."""
    dollars = decimal_of(value)
    if dollars is None or dollars < 0 or dollars > MILLICENTS_MAX:
        return None
    amount = int((dollars * _MILLICENTS_PER_USD).to_integral_value(ROUND_HALF_EVEN))
    return amount if amount <= MILLICENTS_MAX else None


def decimal_of(value: Any) -> Decimal | None:
    """Return a number exactly as it is written, None when it is none, not finite, or absurdly long."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        return None
    if isinstance(value, int) and abs(value) > TOKENS_MAX**2:
        return None
    written = str(value).strip()
    if not written or len(written) > _NUMBER_MAX or "_" in written:
        return None
    try:
        number = _EXACT.create_decimal(written)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= _NUMBER_MAX else None


def _micros_of(value: Any) -> int | None:
    if isinstance(value, str) and len(value) <= _INSTANT_MAX:
        try:
            return to_micros(parse_instant(value))
        except (ValueError, OverflowError):
            return _micros_of_number(decimal_of(value))
    return _micros_of_number(decimal_of(value)) if isinstance(value, (int, float)) else None


def _micros_of_number(number: Decimal | None) -> int | None:
    if number is None or number < 0:
        return None
    seconds = number / 1000 if number >= _MILLISECONDS else number
    micros = int(seconds * SECOND)
    return micros if micros < (datetime.max.replace(tzinfo=UTC) - EPOCH).total_seconds() * SECOND else None
