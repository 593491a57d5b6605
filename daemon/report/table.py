"""The table of a report: its rows and what stands in its columns.

Belongs here: which columns a grouping has, in which order they get room. Does not belong here: widths (`columns`),
grouping (`groups`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from daemon.cli.plain_text import printable
from daemon.report.columns import Column, Elastic
from daemon.report.groups import Grouping, Key, key_of, rows_by, series, total_before
from daemon.report.money import change, digits_for, dollars, percent
from daemon.report.reading import Report
from daemon.report.shapes import bar, count, duration, sparkline
from daemon.report.sums import Part, Sums, add_all

_NAME_MAX: Final = 48


class Money(NamedTuple):
    """One of the monies, which are never added to one another.

    Attributes:
        name: as `Sums` calls it.
        heading: of its column.
        words: what the headline says of it.
    """

    name: str
    heading: str
    words: str

    def of(self, sums: Sums) -> int:
        """Return the amount, millicents."""
        return getattr(sums, f"{self.name}_millicents")

    def requests_of(self, sums: Sums) -> int:
        """Return how many calls it is of."""
        return getattr(sums, f"{self.name}_requests")


_MONIES: Final = (
    Money("metered", "cost", "metered"),
    Money("imputed", "imputed", "at list prices, covered by a subscription"),
    Money("imported", "imported", "imported"),
    Money("other", "other", "of a billing basis this release does not know"),
)


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a report is shown.

    Attributes:
        width: terminal cells.
        by: grouping of the table.
        top: rows at most, the rest in one; 0 for all.
        blocks: whether bars and sparklines may use block characters.
    """

    width: int
    by: Grouping = "project"
    top: int = 20
    blocks: bool = True


class _Line(NamedTuple):
    """One line of the table; `parts` are its calls, None where nobody wants to see their trend."""

    key: Key
    sums: Sums
    before: Sums
    parts: Sequence[Part] | None


def monies_of(sums: Sums, before: Sums | None = None) -> list[Money]:
    """Return the monies there are, now or before; shares are of the first one."""
    looked_at = [sums] if before is None else [sums, before]
    return [one for one in _MONIES if any(map(one.requests_of, looked_at))] or [_MONIES[0]]


def table(report: Report, sums: Sums, look: Look) -> tuple[list[Column | Elastic], list[int]]:
    """Return the columns, left to right, and the numbers of the rows that are ruled off: the total."""
    before = total_before(report)
    shown = _lines(report, sums, look)
    compared = before is not None and look.by != "day"
    main = monies_of(sums, before)[0]
    names = [_name(one.key[-1]) for one in shown]
    columns: list[Column | Elastic] = [Column(title=look.by, cells=names, rank=0, right=False)]
    if look.by == "model":
        providers = [_name(one.key[0]) if len(one.key) > 1 else "" for one in shown]
        columns.append(Column(title="provider", cells=providers, rank=5, right=False, style="dim"))
    columns += _shares(shown, main, look)
    columns += _amounts(shown, main, monies_of(sums, before), compared=compared)
    columns += _counts(shown)
    if look.by != "day" and look.blocks:
        columns.append(_trend(shown, report, main))
    return columns, [len(shown) - 1]


def _lines(report: Report, sums: Sums, look: Look) -> list[_Line]:
    """Return the groups, those beyond `top` in one line, and the total."""
    key = key_of(look.by, report.window)
    parts: dict[Key, list[Part]] = {}
    for part in report.parts:
        parts.setdefault(key(part), []).append(part)
    every = [_Line(row.key, row.sums, row.before or Sums(), parts.get(row.key, [])) for row in rows_by(report, look.by)]
    whole = _Line(("total",), sums, total_before(report) or Sums(), report.parts)
    if not look.top or len(every) <= look.top + 1:  # a line that says "1 more" is no shorter than the line itself
        return [*every, whole]
    if look.by == "day":  # of days, the last ones are of interest
        return [_rest(every[: -look.top], "earlier"), *every[-look.top :], whole]
    return [*every[: look.top], _rest(every[look.top :], "more"), whole]


def _rest(hidden: Sequence[_Line], word: str) -> _Line:
    sums, before = add_all(one.sums for one in hidden), add_all(one.before for one in hidden)
    return _Line((f"({len(hidden):,} {word})",), sums, before, None)


def _shares(shown: Sequence[_Line], main: Money, look: Look) -> list[Column | Elastic]:
    amounts = [main.of(one.sums) for one in shown]
    whole = max(amounts[:-1], default=0) if look.by == "day" else amounts[-1]
    # The total's own bar would say nothing; a day is measured by the dearest one, as shares of days are slivers.
    bars = Elastic(
        title="",
        drawn=lambda cells: [*(bar(amount, whole, cells, blocks=look.blocks) for amount in amounts[:-1]), ""],
        least=8,
        most=24,
        rank=6,
        style="cyan",
    )
    shares = [*(percent(amount, amounts[-1]) if amount else "" for amount in amounts[:-1]), ""]
    return [bars] if look.by == "day" else [bars, Column(title="share", cells=shares, rank=3)]


def _amounts(shown: Sequence[_Line], main: Money, monies: Sequence[Money], *, compared: bool) -> list[Column | Elastic]:
    columns: list[Column | Elastic] = []
    for money in monies:
        digits = digits_for(money.of(shown[-1].sums) or money.of(shown[-1].before))
        cells = [_amount(money, one.sums, digits) for one in shown]
        rank = 0 if money is main else 2
        columns.append(Column(title=money.heading, cells=cells, rank=rank, style="bold" if money is main else ""))
        if compared and money is main:
            earlier = [_amount(money, one.before, digits) for one in shown]
            changes = [change(money.of(one.sums), money.of(one.before)) for one in shown]
            columns += [Column(title="before", cells=earlier, rank=7), Column(title="change", cells=changes, rank=1)]
    return columns


def _amount(money: Money, sums: Sums, digits: int) -> str:
    """Return an amount; a question mark says that all there is has no known price, a blank that there is nothing."""
    requests = money.requests_of(sums)
    if requests == 0:
        return ""
    unknown = sums.unpriced_requests - sums.unpriced_error_requests
    if money.of(sums) == 0 and unknown > 0 and sums.requests - sums.error_requests == unknown:
        return "?"
    return dollars(money.of(sums), digits)


def _counts(shown: Sequence[_Line]) -> list[Column | Elastic]:
    sums = [one.sums for one in shown]
    columns: list[Column | Elastic] = [
        Column(title="calls", cells=[f"{one.requests:,}" if one.requests else "" for one in sums], rank=3)
    ]
    if sums[-1].error_requests:
        failed = [f"{one.error_requests:,}" if one.error_requests else "" for one in sums]
        columns.append(Column(title="failed", cells=failed, rank=4, style="red"))
    return [
        *columns,
        Column(title="p95", cells=[duration(one.p95_latency_ms()) for one in sums], rank=6),
        Column(title="input", cells=[_tokens(one.total_input_tokens) for one in sums], rank=9),
        Column(title="cached", cells=[_cached(one) for one in sums], rank=10),
        Column(title="output", cells=[_tokens(one.billable_output_tokens) for one in sums], rank=9),
    ]


def _trend(shown: Sequence[_Line], report: Report, main: Money) -> Elastic:
    def drawn(cells: int) -> list[str]:
        trends: list[str] = []
        for one in shown:
            steps = [] if one.parts is None else series(one.parts, report.window, at_most=cells, money=main.name)
            trends.append(sparkline(steps))
        return trends

    return Elastic(title="trend", drawn=drawn, least=10, most=31, rank=8, style="cyan")


def _tokens(number: int) -> str:
    return count(number) if number else ""


def _cached(sums: Sums) -> str:
    return percent(sums.cached_tokens, sums.total_input_tokens) if sums.cached_tokens else ""


def _name(text: str) -> str:
    return printable(text, longest=_NAME_MAX).strip() or "(no name)"
