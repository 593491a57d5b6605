"""Taking a provider's answer apart, and gathering lines by day.

Belongs here: reading fields that may be missing or of another kind, and one bill per day. Does not belong here: what a
provider calls its fields (its own module).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from pipelines.billing.amounts import AmountError
from pipelines.billing.bills import BilledLine, BilledPeriod, days_of
from pipelines.billing.http import AnswerError
from pipelines.lake.bills import DESCRIPTION_LENGTH

_COUNT_MAX: Final = 2**62
_TEXT_MAX: Final = 255
_SERVED_TIER_MAX: Final = 64


class DayBills:
    """Bills of a span of days, gathered line by line."""

    def __init__(self, provider: str, first: date, last: date) -> None:
        """Begin with an empty bill for each day from `first` to `last`."""
        self._provider = provider
        self._lines: dict[date, list[BilledLine]] = {day: [] for day in days_of(first, last)}
        self._requests: dict[date, int] = {}
        self._notes: dict[date, dict[str, None]] = {}
        self._partial: set[date] = set()
        self._seen: dict[str, set[date]] = {}

    def add(self, day: date, line: BilledLine) -> None:
        """Add a line to a day.

        Raises:
            AnswerError: nobody asked for that day.
        """
        self._of(day).append(line)

    def add_requests(self, day: date, count: int, line: BilledLine) -> None:
        """Add a line that tells of requests, and count them."""
        self._requests[day] = self._requests.get(day, 0) + count
        if count:
            self.add(day, line)

    def begin_bucket(self, report: str, day: date) -> None:
        """Note that a report's bucket of a day has come.

        Raises:
            AnswerError: it came before, or nobody asked for that day; added up, it would count twice.
        """
        self._of(day)
        seen = self._seen.setdefault(report, set())
        if day in seen:
            raise AnswerError(f"{self._provider} sent {day.isoformat()} twice.")
        seen.add(day)

    def mark_partial(self, day: date) -> None:
        """Note that the provider left something of a day out."""
        self._partial.add(day)

    def note(self, text: str, day: date | None = None) -> None:
        """Add words for people to a day, or to every day that has lines."""
        for one in [day] if day else [day for day, lines in self._lines.items() if lines]:
            self._notes.setdefault(one, {})[text] = None

    def periods(self) -> list[BilledPeriod]:
        """Return a period per day, in order."""
        return [
            BilledPeriod(
                first_day=day,
                last_day=day,
                lines=tuple(lines),
                is_complete=day not in self._partial,
                request_count=self._requests.get(day),
                note=" ".join(self._notes.get(day, ()))[:DESCRIPTION_LENGTH],
            )
            for day, lines in self._lines.items()
        ]

    def with_usage(self, usage: DayBills) -> list[BilledPeriod]:
        """Return a period per day with the lines of both, and the requests `usage` counted."""
        return [
            replace(bill, lines=bill.lines + used.lines, request_count=used.request_count)
            for bill, used in zip(self.periods(), usage.periods(), strict=True)
        ]

    def _of(self, day: date) -> list[BilledLine]:
        try:
            return self._lines[day]
        except KeyError:
            raise AnswerError(f"{self._provider} answered for {day.isoformat()}, which nobody asked for.") from None


def object_of(value: object, what: str) -> Mapping[str, Any]:
    """Return a JSON object.

    Raises:
        AnswerError: it is something else.
    """
    if not isinstance(value, dict):
        raise AnswerError(f"The answer has no {what} where one is documented.")
    return value


def list_of(row: Mapping[str, Any], name: str) -> list[Any]:
    """Return a field that is a JSON array.

    Raises:
        AnswerError: it is missing or something else.
    """
    value = row.get(name)
    if not isinstance(value, list):
        raise AnswerError(f"The answer has no list {name!r} where one is documented.")
    return value


def text_or_none(row: Mapping[str, Any], name: str, *, longest: int = _TEXT_MAX) -> str | None:
    """Return a field that is text; None where it is absent, null or empty.

    Raises:
        AnswerError: it is something else, or longer than anything that is known.
    """
    value = row.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise AnswerError(f"The answer's {name!r} is not a short text.")
    return value


def tier_or_none(row: Mapping[str, Any], name: str = "service_tier") -> str | None:
    """Return a service tier, as `text_or_none`."""
    return text_or_none(row, name, longest=_SERVED_TIER_MAX)


def count_of(row: Mapping[str, Any], name: str, *, missing: int | None = None) -> int:
    """Return a field that is a whole number from 0 on; numbers such as `5.0` are.

    Raises:
        AnswerError: it is something else, or missing while `missing` is None.
    """
    value = row.get(name)
    if value is None and missing is not None:
        return missing
    if (
        isinstance(value, Decimal)
        and value.is_finite()
        and abs(value) < _COUNT_MAX
        and value == value.to_integral_value()
    ):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _COUNT_MAX:
        raise AnswerError(f"The answer's {name!r} is not a count.")
    return value


def utc_day(value: object, what: str) -> date:
    """Return the UTC day that begins at an instant: RFC 3339 text, or Unix seconds.

    Raises:
        AnswerError: it is neither, or not midnight.
    """
    instant: datetime | None = None
    with suppress(ValueError, OverflowError, OSError):
        if isinstance(value, str):
            instant = datetime.fromisoformat(value)
            instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
        elif isinstance(value, int) and not isinstance(value, bool):
            instant = datetime.fromtimestamp(value, UTC)
    if instant is None:
        raise AnswerError(f"The answer's {what} is not an instant.")
    if instant.time() != instant.min.time():
        raise AnswerError(f"The answer's {what} is not the beginning of a UTC day.")
    return instant.date()


def one_day(row: Mapping[str, Any], begin: str, end: str) -> date:
    """Return the UTC day of a bucket.

    Raises:
        AnswerError: it is not exactly one day long.
    """
    day = utc_day(row.get(begin), begin)
    if utc_day(row.get(end), end) != day + timedelta(days=1):
        raise AnswerError("The answer's bucket is not one UTC day.")
    return day


def usd_only(value: object) -> None:
    """Refuse an amount in another currency than USD.

    Raises:
        AnswerError: it is in another one.
    """
    if not isinstance(value, str) or value.upper() != "USD":
        raise AnswerError("The answer's amounts are not in USD.")


def refused_amount(fault: AmountError) -> AnswerError:
    """Return the error for an amount that is none."""
    return AnswerError(f"The answer cannot be read: {fault}.")
