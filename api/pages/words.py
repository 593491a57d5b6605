"""How pages write instants, amounts and words.

Belongs here: filters of the templates. Does not belong here: rounding of spend (`api.dashboards.money`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from api.db.models import Plan
from api.providers import provider_words
from pipelines.lake.clock import from_micros, to_micros

_PLAN_NAMES: Final = {Plan.SOLO: "Solo", Plan.TEAM: "Team", Plan.BUSINESS: "Business+", Plan.ENTERPRISE: "Enterprise"}
_MILLIONTH: Final = Decimal("0.000001")
MINUS: Final = "\u2212"
"""As wide as a plus; a hyphen before an amount is easily overlooked."""
_STEPS: Final = ((60, "second"), (60, "minute"), (24, "hour"), (30, "day"), (12, "month"))


def instant(micros: int | None, zone: str = "UTC") -> str:
    """Return an instant as `1 July 2026, 12:00 UTC`; an em dash when there is none."""
    if micros is None:
        return "\u2014"
    local = from_micros(micros).astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%B %Y, %H:%M} {local:%Z}"


def moment(micros: int, zone: str = "UTC", *, with_year: bool = True) -> str:
    """Return an instant to the second, as `1 Jul 2026, 12:00:07`; the page says in which zone."""
    local = from_micros(micros).astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b %Y, %H:%M:%S}" if with_year else f"{local.day} {local:%b, %H:%M:%S}"


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
    return f"{MINUS if cents < 0 else ''}${abs(cents):,}"


def usd_signed(amount: str) -> str:
    """Return an exact amount to the cent with its sign: `+$0.14`; none where it is nothing to the cent."""
    words = usd(amount)
    return words if words == "$0.00" or words.startswith(MINUS) else f"+{words}"


def precise(amount: str) -> str:
    """Return an amount with the digits that say something, cents at least, six at most: `$1,234.50`, `$0.00347`."""
    exact = Decimal(amount).quantize(_MILLIONTH)
    digits = max(2, -int(exact.normalize().as_tuple().exponent)) if exact else 2
    return f"{MINUS if exact < 0 else ''}${abs(exact):,.{digits}f}"


def shortened(number: int) -> str:
    """Return a large number in three digits: `1,234`, `45.7 k`, `1.23 M`."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size * (10 if letter == "k" else 1):
            short = f"{number / size:.3g}" if number < size * 1000 else f"{number / size:,.0f}"
            return f"{short}\u202f{letter}"
    return f"{number:,}"


def grouped(percent: str | Decimal) -> str:
    """Return a percentage's number as people read it: `3,896.28`."""
    return f"{Decimal(percent):,}"


def days_words(first: date, last: date) -> str:
    """Return a period as people say it: first and last with a dash between, the year once where it is one."""
    if first == last:
        return f"{first.day} {first:%b %Y}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} \u2013 {last.day} {last:%b %Y}"
    return f"{first.day} {first:%b}{f' {first.year}' if first.year != last.year else ''} \u2013 {last.day} {last:%b %Y}"


def moment_words(at: date | datetime) -> str:
    """Return a day, or a local time, as a chart's tooltip says it: `Mon 6 Apr 2026`, `6 Apr, 14:15`."""
    return f"{at.day} {at:%b, %H:%M}" if isinstance(at, datetime) else f"{at:%a} {at.day} {at:%b %Y}"


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "instant": instant,
    "moment": moment,
    "iso": iso,
    "micros": micros_of,
    "ago": ago,
    "plan_name": plan_name,
    "counted": counted,
    "usd": usd,
    "usd_signed": usd_signed,
    "provider_words": provider_words,
    "precise": precise,
    "shortened": shortened,
    "grouped": grouped,
}
