"""How pages write instants, amounts and words.

Belongs here: filters of the templates. Does not belong here: rounding of spend (`api.dashboards.money`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from api.db.models import Plan
from pipelines.lake.clock import from_micros, to_micros

_PLAN_NAMES: Final = {Plan.SOLO: "Solo", Plan.TEAM: "Team", Plan.BUSINESS: "Business+", Plan.ENTERPRISE: "Enterprise"}
_STEPS: Final = ((60, "second"), (60, "minute"), (24, "hour"), (30, "day"), (12, "month"))


def instant(micros: int | None, zone: str = "UTC") -> str:
    """Return an instant as `1 July 2026, 12:00 UTC`; an em dash when there is none."""
    if micros is None:
        return "\u2014"
    local = from_micros(micros).astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%B %Y, %H:%M} {local:%Z}"


def moment(micros: int, zone: str = "UTC") -> str:
    """Return an instant to the second, as `1 Jul 2026, 12:00:07`; the page says in which zone."""
    local = from_micros(micros).astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b %Y, %H:%M:%S}"


def iso(micros: int | None) -> str:
    """Return an instant for a `datetime` attribute."""
    return "" if micros is None else from_micros(micros).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micros_of(text: str) -> int:
    """Return the microseconds of an instant as JSON answers write it."""
    return to_micros(datetime.fromisoformat(text))


def ago(micros: int | None, now: datetime) -> str:
    """Return how long ago an instant is, as `5 minutes ago`; `never` when there is none."""
    if micros is None:
        return "never"
    count = int((now - from_micros(micros)).total_seconds())
    if count < 1:
        return "just now"
    for step, unit in _STEPS:
        if count < step:
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
        count //= step
    return f"{count} year{'' if count == 1 else 's'} ago"


def plan_name(plan: str) -> str:
    """Return a plan as people call it."""
    return _PLAN_NAMES[Plan(plan)]


def counted(number: int, word: str, plural: str | None = None) -> str:
    """Return a number with its noun: `1 member`, `2 members`."""
    return f"{number:,} {word if number == 1 else plural or word + 's'}"


def usd(amount: str) -> str:
    """Return an exact amount of the JSON answers as people read it: `$1,234.57`, half-even to the cent."""
    cents = Decimal(amount).quantize(Decimal("0.01"))
    return f"{'-' if cents < 0 else ''}${abs(cents):,}"


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "instant": instant,
    "moment": moment,
    "iso": iso,
    "micros": micros_of,
    "ago": ago,
    "plan_name": plan_name,
    "counted": counted,
    "usd": usd,
}
