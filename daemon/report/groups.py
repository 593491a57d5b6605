"""A report's calls by project, model, provider or day.

Belongs here: which groupings there are, their rows and order. Does not belong here: how rows are shown (`document`,
`csv_text`, `screen`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Final, Literal, NamedTuple

from daemon.report.reading import Report
from daemon.report.sums import Part, Sums, grouped, total
from daemon.report.window import FINE_UNTIL, HOUR, Window

Grouping = Literal["project", "model", "provider", "day"]
Key = tuple[str, ...]
GROUPINGS: Final[dict[Grouping, tuple[str, ...]]] = {
    "project": ("project",),
    "model": ("provider", "model"),
    "provider": ("provider",),
    "day": ("day",),
}
"""Groupings and the names of their keys' columns."""


class Row(NamedTuple):
    """One group.

    Attributes:
        key: values of the grouping's columns; days as ISO dates.
        before: sums of the window before; None when nobody asked.
    """

    key: Key
    sums: Sums
    before: Sums | None


def rows_by(report: Report, by: Grouping) -> list[Row]:
    """Return a row for every group; their sums add up to the total.

    Days come in order and with those on which nothing happened; all others by spend, then calls, largest first. With a
    window before, groups that were only there have a row too; a day has none before it.
    """
    now = grouped(report.parts, key_of(by, report.window))
    if by == "day":
        now |= {(day.isoformat(),): Sums() for day in report.window.days() if (day.isoformat(),) not in now}
        return [Row(key, now[key], None) for key in sorted(now)]
    before = None if report.before is None else grouped(report.before, key_of(by, report.window))
    keys = now.keys() | (before or {}).keys()
    rows = [Row(key, now.get(key) or Sums(), None if before is None else before.get(key) or Sums()) for key in keys]
    return sorted(rows, key=_rank)


def daily(parts: Iterable[Part], window: Window) -> dict[str, Sums]:
    """Return sums by day, in order, with the window's days on which nothing happened."""
    found = grouped(parts, key_of("day", window))
    days = {(day.isoformat(),) for day in window.days()} | found.keys()
    return {day: found.get((day,)) or Sums() for (day,) in sorted(days)}


def total_before(report: Report) -> Sums | None:
    """Return the sums of the window before; None when nobody asked."""
    return None if report.before is None else total(report.before)


def series(parts: Iterable[Part], window: Window, *, at_most: int, money: str = "metered") -> list[int]:
    """Return spend (millicents) over the window in equal steps, for a sparkline: days, or hours of a short window.

    Args:
        parts: whose.
        window: where it begins and ends.
        at_most: steps; where there are more days or hours, neighbours are added up.
        money: which of the monies.
    """
    by_day = window.to_us - window.from_us > FINE_UNTIL
    first_hour = window.from_us // HOUR
    first_day = window.first_day
    day_of = cache(window.day_of)

    def place(part: Part) -> int:
        if by_day:
            return (day_of(part.slot_us) - first_day).days
        return part.slot_us // HOUR - first_hour

    steps = (window.last_day - window.first_day).days + 1 if by_day else (window.to_us - 1) // HOUR - first_hour + 1
    shown = min(steps, at_most)
    heights = [0] * shown
    for part in parts:
        heights[max(place(part), 0) * shown // steps] += getattr(part.sums, f"{money}_millicents")
    return heights


def key_of(by: Grouping, window: Window) -> Callable[[Part], Key]:
    """Return what says in which group a part is."""
    if by == "project":
        return lambda part: (part.project,)
    if by == "model":
        return lambda part: (part.provider, part.model)
    if by == "provider":
        return lambda part: (part.provider,)
    day_of = cache(lambda slot_us: window.day_of(slot_us).isoformat())
    return lambda part: (day_of(part.slot_us),)


def _rank(row: Row) -> tuple[int, int, int, int, int, str]:
    sums, before = row.sums, row.before or Sums()
    return (
        -sums.metered_millicents,
        -sums.imputed_millicents,
        -sums.imported_millicents,
        -sums.requests,
        -before.metered_millicents,
        "\0".join(row.key).casefold(),
    )
