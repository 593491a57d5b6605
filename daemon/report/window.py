"""The span of time a report is about, and its days.

Belongs here: reading `--since`, `--from`, `--to` and `--zone`; the span before; which day an instant is in. Does not
belong here: options themselves (`daemon.cli.report`), sums.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from daemon.clock import DAY, EPOCH, SECOND, parse_instant, to_micros

HOUR: Final = 3600 * SECOND
QUARTER: Final = HOUR // 4
"""Zones lie whole quarters of an hour from UTC, so that each quarter is in one day of every zone."""
LOCAL: Final = "local"
FINE_UNTIL: Final = 3 * DAY
"""Windows up to this long are looked at by the hour."""
_SPAN: Final = re.compile(r"([0-9]{1,6})(h|d|w)", re.ASCII)
_UNITS: Final = {"h": HOUR, "d": DAY, "w": 7 * DAY}
_LONGEST_DAYS: Final = 36_500
_DAYS_LISTED_MAX: Final = 400
_DATE_LENGTH: Final = len("2026-11-21")
_LAST: Final = datetime(9998, 12, 31, tzinfo=UTC)


class WindowError(ValueError):
    """The span that was asked for cannot be understood; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """Calls requested from one instant up to before another.

    Attributes:
        from_us: first instant, UTC microseconds.
        to_us: first instant beyond it.
        zone: whose days it is shown in; None is this machine's own zone.
        open_ended: whether it ends because this is now, not because someone said so.
    """

    from_us: int
    to_us: int
    zone: tzinfo | None = UTC
    open_ended: bool = False

    @property
    def slot_us(self) -> int:
        """Length of the slots its calls are added up by, microseconds: each slot is in one day of the zone."""
        return DAY if self.zone is UTC and self.to_us - self.from_us > FINE_UNTIL else QUARTER

    @property
    def span_days(self) -> int:
        """Its length in days, a day begun counting whole."""
        return -((self.from_us - self.to_us) // DAY)

    @property
    def first_day(self) -> date:
        """Day of its first instant."""
        return self.day_of(self.from_us)

    @property
    def last_day(self) -> date:
        """Day of its last instant."""
        return self.day_of(self.to_us - 1)

    def day_of(self, instant_us: int) -> date:
        """Return the zone's day in which an instant is."""
        return (EPOCH + timedelta(microseconds=instant_us)).astimezone(self.zone).date()

    def days(self) -> list[date]:
        """Return all its days; none when there are too many to list."""
        count = (self.last_day - self.first_day).days + 1
        return [self.first_day + timedelta(days=number) for number in range(count)] if count <= _DAYS_LISTED_MAX else []

    def previous(self) -> Window:
        """Return the window of the same length that ends where this one begins."""
        length = self.to_us - self.from_us
        return replace(self, from_us=max(self.from_us - length, 0), to_us=self.from_us, open_ended=False)

    def instants(self) -> Iterator[datetime]:
        """Yield its first instant and the first beyond it, in the zone."""
        for instant_us in (self.from_us, self.to_us):
            yield (EPOCH + timedelta(microseconds=instant_us)).astimezone(self.zone)


def last(length_us: int, now: datetime, zone: tzinfo | None = UTC) -> Window:
    """Return the window of this length (microseconds) that ends now."""
    end = to_micros(now) + 1  # a call of this very microsecond has happened
    return Window(from_us=max(end - length_us, 0), to_us=end, zone=zone, open_ended=True)


def today(now: datetime, zone: tzinfo | None = UTC) -> Window:
    """Return the window from the zone's last midnight until now."""
    midnight = _midnight(now.astimezone(zone).date(), zone)
    return Window(from_us=max(to_micros(midnight), 0), to_us=to_micros(now) + 1, zone=zone, open_ended=True)


def parse_window(since: str | None, first: str | None, end: str | None, now: datetime, zone: tzinfo | None) -> Window:
    """Return the window that options name.

    Args:
        since: `24h`, `7d`, `4w` or `today`; None with no `first` is 30 days.
        first: day or instant it begins with.
        end: last day, which is inside; or first instant beyond it; None is now.
        now: the present, aware.
        zone: whose days are meant; None is this machine's own.

    Raises:
        WindowError: they contradict each other or cannot be understood.
    """
    if since is not None and (first is not None or end is not None):
        raise WindowError("give either --since, or --from and --to")
    if first is None and end is not None:
        raise WindowError("--to needs --from")
    if first is None:
        return today(now, zone) if since == "today" else last(_length("30d" if since is None else since), now, zone)
    begins = _instant(first, zone, "--from")
    ends = to_micros(now) + 1 if end is None else _instant(end, zone, "--to", whole_day=True)
    if begins >= ends:
        raise WindowError("--from must be before --to" if end is not None else "--from must be in the past")
    return Window(from_us=begins, to_us=ends, zone=zone, open_ended=end is None)


def parse_zone(name: str) -> tzinfo | None:
    """Return the zone of an IANA name; None, this machine's own, for `local`.

    Raises:
        WindowError: this machine knows no such zone.
    """
    if name == LOCAL:
        return None
    if name.upper() == "UTC":
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - most reports are in UTC

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WindowError(f"no time zone {name[:60]!r} here: use a name such as Europe/Berlin, local or UTC") from None


def _length(text: str) -> int:
    matched = _SPAN.fullmatch(text.strip().lower())
    length = int(matched[1]) * _UNITS[matched[2]] if matched else 0
    if not 0 < length <= _LONGEST_DAYS * DAY:
        raise WindowError(f"expected hours, days or weeks such as 24h, 7d or 4w, or today; got {text[:40]!r}")
    return length


def _instant(text: str, zone: tzinfo | None, option: str, *, whole_day: bool = False) -> int:
    """Return microseconds; of a day, those of its beginning, or of its end."""
    text = text.strip()
    try:
        if len(text) == _DATE_LENGTH:
            day = date.fromisoformat(text) + timedelta(days=whole_day)
            instant = _midnight(day, zone).astimezone(UTC)
        else:
            instant = parse_instant(text)
    except (ValueError, OverflowError, OSError):
        raise WindowError(f"{option}: expected a day such as 2026-11-21, or an instant; got {text[:40]!r}") from None
    if not EPOCH <= instant <= _LAST:
        raise WindowError(f"{option}: expected a day from 1970 on, got {text[:40]!r}")
    return to_micros(instant)


def _midnight(day: date, zone: tzinfo | None) -> datetime:
    start = datetime.combine(day, time())
    return start.replace(tzinfo=zone) if zone is not None else start.astimezone()
