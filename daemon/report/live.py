"""Today's spend as it goes on, a screenful.

Belongs here: what `watch` shows, cut to the height of the terminal. Does not belong here: the screen itself and the
pace (`daemon.cli.watch`), the long report (`screen`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.text import Text

from daemon.calls.call import Call
from daemon.cli.plain_text import printable
from daemon.clock import SECOND, to_micros
from daemon.report.columns import Column, fitted, lines, wrapped
from daemon.report.money import digits_for, dollars
from daemon.report.reading import Report, read_report
from daemon.report.shapes import ago, duration
from daemon.report.sums import Sums, money_of, total
from daemon.report.table import Look, monies_of, table
from daemon.report.window import HOUR, last, today
from daemon.store.rows import SELECT, calls_of

_LAST_CALLS_MAX: Final = 60
_NAME_MAX: Final = 80
_STAR: Final = "   * not billed by the call"
_ROOM_FOR_A_TABLE: Final = 3
"""Lines below which a table is left out: a heading and two rows."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What there is to show at one moment.

    Attributes:
        now: aware.
        day: this machine's day so far.
        hour: the last 60 minutes.
        calls: the last ones to be written down, the newest first.
    """

    now: datetime
    day: Report
    hour: Report
    calls: Sequence[Call]


def read_moment(connection: sqlite3.Connection, now: datetime) -> Moment:
    """Return what there is to show.

    Raises:
        sqlite3.Error: the store cannot be read.
    """
    rows = connection.execute(SELECT + "ORDER BY recorded_at_us DESC, id DESC LIMIT ?", [_LAST_CALLS_MAX])
    return Moment(
        now=now,
        day=read_report(connection, today(now, None)),
        hour=read_report(connection, last(HOUR, now, None)),
        calls=calls_of(rows),
    )


def moment_lines(moment: Moment, *, width: int, height: int, blocks: bool = True) -> list[Text]:
    """Return at most `height` lines, none wider than `width`: sums, projects, then the last calls.

    Args:
        moment: as read.
        width: of the terminal, in cells.
        height: of the terminal, in lines.
        blocks: whether bars may use block characters.
    """
    sums, hour = total(moment.day.parts), total(moment.hour.parts)
    shown = [Text(fitted(_clock_line(moment), width).rstrip(), style="bold")]
    if width > shown[0].cell_len + len(_STAR) and any(_starred(call) for call in moment.calls):
        shown[0].append(_STAR, style="not bold dim")
    for money in monies_of(sums, hour):
        line = Text.assemble(
            (dollars(money.of(sums)), "bold"), f" {money.words} today, {_calls(money.requests_of(sums))}"
        )
        line.append(f"; {dollars(money.of(hour))} in the last hour", style="cyan")
        shown += wrapped(line, width)
    if sums.error_requests:
        shown += wrapped(Text(f"{_calls(sums.error_requests)} failed today", style="red"), width)
    if not moment.calls:
        shown += [Text(""), *wrapped(Text("No call is on record yet: `halton-meter run -- claude` makes one."), width)]
        return shown[:height]
    room = height - len(shown)
    if sums.requests and room >= 2 * (_ROOM_FOR_A_TABLE + 1):
        shown += [Text(""), *_projects(moment.day, sums, width, room // 2 - 1, blocks=blocks)]
    room = height - len(shown) - 1
    if room >= _ROOM_FOR_A_TABLE:
        shown += [Text(""), *_last_calls(moment, width, room - 1)]
    return shown[:height]


def moment_line(moment: Moment) -> str:
    """Return the sums of a moment as one line, for a pipe."""
    sums, hour = total(moment.day.parts), total(moment.hour.parts)
    amounts = [
        f"{dollars(money.of(sums))} {money.words} today, {dollars(money.of(hour))} in the last hour"
        for money in monies_of(sums, hour)
    ]
    counts = f"{_calls(sums.requests)}, {sums.error_requests:,} failed"
    return "; ".join([moment.now.astimezone().isoformat(timespec="seconds"), *amounts, counts])


def _clock_line(moment: Moment) -> str:
    local = moment.now.astimezone()
    return f"{local:%a} {local.day} {local:%b %H:%M:%S} {printable(local.tzname() or '')}"


def _projects(day: Report, sums: Sums, width: int, room: int, *, blocks: bool) -> list[Text]:
    """Return a table of up to `room` lines, its heading among them."""
    top = max(room - 3, 1)  # a heading, the rest and the total have a line each
    columns, _ = table(day, sums, Look(width=width, top=top, blocks=blocks))
    return lines(columns, width)[:room]


def _last_calls(moment: Moment, width: int, room: int) -> list[Text]:
    calls = moment.calls[:room]
    now_us = to_micros(moment.now)
    dearest = max((call.cost_millicents or 0 for call in calls), default=0)
    digits = digits_for(dearest)
    failed = [call.status != "success" for call in calls]
    return lines(
        [
            Column(title="project", cells=[_name(call.project) for call in calls], rank=0, right=False),
            Column(title="model", cells=[_name(call.model) for call in calls], rank=4, right=False, style="dim"),
            Column(title="cost", cells=[_cost(call, digits) for call in calls], rank=0, style="bold"),
            Column(title="took", cells=[duration(call.latency_ms) for call in calls], rank=3),
            Column(
                title="result",
                cells=[_result(call) for call in calls],
                rank=1,
                right=False,
                styles=["red" if one else "green" for one in failed],
            ),
            Column(
                title="when",
                cells=[ago((now_us - call.requested_at_us) // SECOND) for call in calls],
                rank=2,
                style="dim",
            ),
        ],
        width,
    )


def _cost(call: Call, digits: int) -> str:
    """Return a call's cost; a star says that a subscription covers it, or that it was imported."""
    if call.cost_millicents is None:
        return "" if call.status != "success" else "?"
    return dollars(call.cost_millicents, digits) + ("*" if _starred(call) else "")


def _starred(call: Call) -> bool:
    return call.cost_millicents is not None and money_of(call.billing_basis) != "metered"


def _result(call: Call) -> str:
    if call.status == "success":
        return "ok" if call.tokens_complete else "ok, partial"
    reason = printable(call.error_class or call.status, longest=20)
    return f"{reason} {call.http_status}" if call.http_status is not None else reason


def _name(text: str) -> str:
    return printable(text, longest=_NAME_MAX).strip() or "(no name)"


def _calls(number: int) -> str:
    return f"{number:,} call" if number == 1 else f"{number:,} calls"
