"""The laptop's one reading of the wall clock, and instants as they travel.

Belongs here: `Clock`, the system clock, and conversions between instants, microseconds and wire text. Does not belong
here: calendars and working hours (`daemon.simulate.schedule`). The server has its own (`pipelines.lake.clock`), which
the laptop must not import.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SECOND: Final = 1_000_000
"""Microseconds in a second."""
DAY: Final = 86_400 * SECOND
"""Microseconds in 24 hours."""
_MICROSECOND: Final = timedelta(microseconds=1)


class Clock(Protocol):
    """Tells the time, in UTC."""

    def now(self) -> datetime:
        """Return the current instant as an aware UTC `datetime`."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the machine's current instant in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the one reading; everything else is handed a Clock


def to_micros(instant: datetime) -> int:
    """Return microseconds since 1970-01-01 UTC of an aware `instant`, exactly."""
    return (instant - EPOCH) // _MICROSECOND


def iso_of_micros(micros: int) -> str:
    """Return the instant as ISO-8601 with `Z`, microseconds left out when exactly zero, as daemons write it."""
    return (EPOCH + timedelta(microseconds=micros)).isoformat().replace("+00:00", "Z")


def parse_instant(text: str) -> datetime:
    """Return the aware UTC instant that ISO-8601 `text` names; without a zone it is taken as UTC.

    Raises:
        ValueError: the text is no ISO-8601 instant.
    """
    instant = datetime.fromisoformat(text.strip())
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
