"""The one place that reads the wall clock.

Belongs here: the `Clock` that everything else is handed, and conversions between instants and the microseconds
stored in the databases. Does not belong here: time zones of workspaces and calendars (`pipelines.calendar`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """Tells the time, in UTC."""

    def now(self) -> datetime:
        """Return the current instant as an aware UTC `datetime` with microseconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the machine's current instant in UTC."""
        return datetime.now(UTC)


@dataclass
class FixedClock:
    """A clock that stands still until it is moved: for tests and replays.

    Attributes:
        instant: what `now` returns; an aware UTC datetime.
    """

    instant: datetime = field(default_factory=lambda: EPOCH)

    def now(self) -> datetime:
        """Return the instant the clock was last set to."""
        return self.instant

    def advance(self, by: timedelta) -> None:
        """Move the clock by `by` (backwards when negative)."""
        self.instant += by


def to_micros(instant: datetime) -> int:
    """Return microseconds since 1970-01-01 UTC of an aware `instant`, exactly.

    Raises:
        ValueError: the instant has no time zone.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return (instant - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the aware UTC instant `micros` microseconds after 1970-01-01."""
    return EPOCH + timedelta(microseconds=micros)


def iso_utc(instant: datetime) -> str:
    """Return `instant` as ISO-8601 with microseconds (none when zero) and a `Z`, as daemons write it."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
