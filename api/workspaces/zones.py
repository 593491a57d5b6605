"""Reporting time zones: IANA names.

Belongs here: which there are. Does not belong here: days in them (`pipelines.calendar`).
"""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import available_timezones

from api.errors import invalid


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    return frozenset(available_timezones())  # walks a folder every time it is asked


@lru_cache(maxsize=1)
def time_zones() -> tuple[str, ...]:
    """Return the zones to choose from, by name: UTC first, then places."""
    return ("UTC", *sorted(zone for zone in _known() if "/" in zone and not zone.startswith("Etc/")))


def checked_zone(zone: str) -> str:
    """Return a zone's name.

    Raises:
        Refused: 422 there is no such zone.
    """
    if zone not in _known():
        raise invalid("The time zone is not an IANA name such as Europe/Berlin.")
    return zone
