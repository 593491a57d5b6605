"""Small shapes and short numbers for people: bars, sparklines, counts, durations, days.

Belongs here: what a value looks like in a few characters. Does not belong here: money (`money`), columns (`screen`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_STEPS: Final = "▁▂▃▄▅▆▇█"
_THOUSANDS: Final = ("", "k", "M", "B", "T")
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400


def bar(part: int, whole: int, cells: int, *, blocks: bool = True) -> str:
    """Return a bar of `cells` characters, filled by the share; what is not nothing shows. `blocks`: beyond ASCII."""
    if whole <= 0 or part <= 0:
        return " " * cells
    if not blocks:
        return ("#" * max(min(part * cells // whole, cells), 1)).ljust(cells)
    eighths = max(min(part * cells * 8 // whole, cells * 8), 1)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(cells)


def sparkline(heights: Sequence[int]) -> str:
    """Return a step for every height; only nothing has the lowest one."""
    highest = max(heights, default=0)
    if highest <= 0:
        return _STEPS[0] * len(heights)
    return "".join(_STEPS[1 + (height * 7 - 1) // highest if height > 0 else 0] for height in heights)


def count(number: int) -> str:
    """Return a count in at most five characters or so: `999`, `12.3k`, `4.5M`; cut off, never rounded up."""
    power = 0
    scale = 1
    while number >= 1000 * scale and power < len(_THOUSANDS) - 1:
        power += 1
        scale *= 1000
    if power == 0:
        return str(number)
    tenths = number * 10 // scale
    whole, tenth = divmod(tenths, 10)
    return f"{whole:,}{f'.{tenth}' if whole < 100 else ''}{_THOUSANDS[power]}"  # noqa: PLR2004 - three digits are enough


def duration(milliseconds: float | None) -> str:
    """Return a time for people: `850 ms`, `12.3 s`, `4m10s`, `2h05m`; a dash for none."""
    if milliseconds is None:
        return "-"
    if milliseconds < 999.5:  # noqa: PLR2004 - what rounds to less than a second
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 99.95:  # noqa: PLR2004 - three digits are enough
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE:02d}s"
    return f"{whole // _HOUR:,}h{whole % _HOUR // _MINUTE:02d}m"


def ago(seconds: int) -> str:
    """Return how long ago something was: `3s ago`, `12 min ago`, `5 h ago`, `40 days ago`; `not yet` if it was not."""
    if seconds < -_MINUTE:  # less than that is two clocks read one after the other
        return "not yet"
    if seconds < _MINUTE:
        return f"{max(seconds, 0)}s ago"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min ago"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR} h ago"
    return f"{seconds // _DAY:,} days ago"


def day_span(first: date, last: date) -> str:
    """Return two days as people write a span: `24 Oct - 23 Nov 2026`."""
    if first == last:
        return _day(first, with_year=True)
    return f"{_day(first, with_year=first.year != last.year)} - {_day(last, with_year=True)}"


def instant_span(begins: datetime, ends: datetime) -> str:
    """Return two instants of one zone as people write a span: `22 Nov 14:05 - 23 Nov 2026 14:05`."""
    first = _day(begins.date(), with_year=begins.year != ends.year)
    if begins.date() == ends.date():
        return f"{_day(ends.date(), with_year=True)} {begins:%H:%M} - {ends:%H:%M}"
    return f"{first} {begins:%H:%M} - {_day(ends.date(), with_year=True)} {ends:%H:%M}"


def _day(day: date, *, with_year: bool) -> str:
    return f"{day.day} {day.strftime('%b')}" + (f" {day.year}" if with_year else "")
