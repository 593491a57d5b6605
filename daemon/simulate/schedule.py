"""When a person works, and when their machines do.

Belongs here: picking the instant a piece of work starts. Does not belong here: what the work is (`session`).
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from itertools import accumulate
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from daemon.clock import DAY, to_micros

# Weight of each local hour; nights are quiet but not silent.
_OFFICE: Final = (1, 0.6, 0.3, 0.2, 0.2, 0.4, 1.2, 4, 14, 30, 38, 36, 22, 28, 38, 36, 30, 22, 12, 8, 7, 6, 4, 2)
_NIGHTLY: Final = (2, 30, 40, 25, 6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2)
_WEEKDAY: Final = (0.95, 1.1, 1.15, 1.05, 0.85, 0.12, 0.09)
_DAY_OFF_SHARE: Final = 0.04


class Schedule:
    """Starts of work of one laptop between two instants.

    Days differ: weekends are thin, some days are off, and use grows over the months.
    """

    def __init__(self, random: Random, time_zone: str, starts_us: int, ends_us: int) -> None:
        """Lay out the days.

        Args:
            random: the device's generator.
            time_zone: IANA name.
            starts_us: first instant, microseconds since the epoch.
            ends_us: no work starts after this instant.

        Raises:
            ZoneInfoNotFoundError: this machine has no time zone data (install `tzdata`).
        """
        self._random = random
        self._zone = ZoneInfo(time_zone)
        self._starts_us = starts_us
        self._ends_us = ends_us
        first, last = self._local_day(starts_us), self._local_day(ends_us)
        self._days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        self._day_weights = list(accumulate(self._weight(n) for n in range(len(self._days))))
        self._office = list(accumulate(_OFFICE))
        self._nightly = list(accumulate(_NIGHTLY))

    def _local_day(self, micros: int) -> datetime:
        local = datetime.fromtimestamp(micros // 1_000_000, self._zone)
        return datetime.combine(local.date(), time(), self._zone)

    def _weight(self, index: int) -> float:
        random = self._random
        weight = _WEEKDAY[self._days[index].weekday()] * random.lognormvariate(0.0, 0.25)
        if random.random() < _DAY_OFF_SHARE:
            weight *= 0.05
        return weight * (1.0 + 0.5 * index / len(self._days))

    def start(self, *, nightly: bool) -> int:
        """Return when a piece of work starts, microseconds since the epoch, within the two instants."""
        random = self._random
        hours = self._nightly if nightly else self._office
        for _ in range(200):
            day = random.choices(self._days, cum_weights=self._day_weights)[0]
            hour = random.choices(range(24), cum_weights=hours)[0]
            # Wall-clock arithmetic, then UTC: a skipped or repeated hour resolves as the zone's rules say.
            local = day + timedelta(hours=hour, microseconds=random.randrange(3_600_000_000))
            micros = to_micros(local)
            if self._starts_us <= micros <= self._ends_us:
                return micros
        # A window that hardly touches the wanted hours (less than a day): any instant of it.
        return random.randrange(self._starts_us, self._ends_us + 1)


def window(until_us: int, days: int) -> tuple[int, int]:
    """Return first and last instant of a history of `days` times 24 hours that ends at `until_us`."""
    return until_us - days * DAY, until_us
