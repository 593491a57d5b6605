"""A report for people: headline, table, notes, as wide as the terminal is.

Belongs here: the headline and the order of things. Does not belong here: the table (`table`), what is said below it or
instead of it (`notes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, time

from rich.text import Text

from daemon.cli.plain_text import printable
from daemon.report.columns import fitted, lines, wrapped
from daemon.report.groups import total_before
from daemon.report.money import change, dollars
from daemon.report.notes import empty_lines, notes
from daemon.report.reading import Report
from daemon.report.shapes import day_span, instant_span
from daemon.report.sums import Sums, total
from daemon.report.table import Look, monies_of, table


def report_lines(report: Report, look: Look, *, now_us: int, projects: Sequence[str] = ()) -> list[Text]:
    """Return the whole report, line by line, none wider than the terminal.

    Args:
        report: as read.
        look: how to show it.
        now_us: the present, UTC microseconds.
        projects: some that exist, to name where the one that was asked for has no calls.
    """
    sums = total(report.parts)
    heading = Text(fitted(title(report), look.width).rstrip(), style="bold")
    if sums.requests == 0 and not (total_before(report) or Sums()).requests:
        return [heading, *empty_lines(report, now_us=now_us, projects=projects, width=look.width)]
    shown = [heading, *_headline(report, sums, look.width), Text("")]
    columns, ruled = table(report, sums, look)
    shown += lines(columns, look.width, ruled=ruled)
    below = notes(report, sums, look.width)
    return [*shown, Text(""), *below] if below else shown


def title(report: Report) -> str:
    """Return what a report is about: its days, zone and project."""
    window = report.window
    begins, ends = window.instants()
    whole_days = begins.time() == ends.time() == time()
    days = day_span(window.first_day, window.last_day) if whole_days else instant_span(begins, ends)
    zone = "UTC" if window.zone is UTC else str(window.zone or "local time")
    of = f", project {printable(report.project, longest=60)}" if report.project else ""
    return f"{days} ({zone}){of}"


def _headline(report: Report, sums: Sums, width: int) -> list[Text]:
    before = total_before(report)
    shown: list[Text] = []
    for money in monies_of(sums, before):
        millicents = money.of(sums)
        line = Text.assemble((dollars(millicents), "bold"), f" {money.words}, {_calls(money.requests_of(sums))}")
        if before is not None:
            line.append(
                f"; {dollars(money.of(before))} in the same time before ({change(millicents, money.of(before))})"
            )
        shown += wrapped(line, width)
    return shown


def _calls(number: int) -> str:
    return f"{number:,} call" if number == 1 else f"{number:,} calls"
