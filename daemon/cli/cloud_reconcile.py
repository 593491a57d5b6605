"""`halton-meter cloud reconcile`: this machine's totals beside the cloud's, day by day.

Belongs here: options, texts and exit codes. Does not belong here: the comparison (`daemon.cloud.reconcile`).
"""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.cloud_parts import (
    client_of,
    cloud_failures,
    json_option,
    opened_store,
    paired,
    print_json,
    table,
    timeout_option,
)
from daemon.cli.state import CliState

if TYPE_CHECKING:
    from daemon.cloud.reconcile import DayOfProject, Reconciliation, Sums

_HEADINGS = ["day (UTC)", "project", "rows here", "in cloud", "USD here", "in cloud", "waiting", "kept here", "aside"]


@click.command(
    short_help="Compare totals with the cloud's.", epilog="\b\nExample:\n  halton-meter cloud reconcile --days 30"
)
@click.option("--days", type=click.IntRange(1, 3_650), default=7, show_default=True, help="Days up to today, UTC.")
@json_option
@timeout_option(60.0)
@click.pass_obj
def reconcile(state: CliState, days: int, timeout_seconds: float, *, as_json: bool) -> None:
    """Compare what left this machine with what the cloud holds of it. Exit code 1 from 0.5 % of difference on.

    Days are UTC days of the instant a call was recorded. Rows that wait, stay here by your rules, or were set aside by
    the cloud are counted beside the comparison, not in it.
    """
    with cloud_failures():
        from daemon.cli.lines import Lines  # noqa: PLC0415 - keeps --help instant
        from daemon.clock import SystemClock, to_micros  # noqa: PLC0415
        from daemon.cloud.privacy import UploadRules  # noqa: PLC0415
        from daemon.cloud.reconcile import reconciled  # noqa: PLC0415
        from daemon.config import load_config  # noqa: PLC0415

        known = paired(state)
        rules = UploadRules.from_config(load_config(state.home).cloud.upload)
        now = SystemClock().now()
        last = now.date()
        first = last - timedelta(days=days - 1)
        with opened_store(state.home) as store, Lines(as_json=as_json) as lines:
            with client_of(known, lines, timeout_seconds) as client:
                held = client.daemon_totals(first, last)
            result = reconciled(store.daily_totals(first, last), held.rows, rules)
            store.set_cloud_state(last_reconcile_at_us=to_micros(now))
    if as_json:
        print_json(_json(result))
    else:
        _show(result)
    if not result.within_tolerance:
        sys.exit(1)


def _show(result: Reconciliation) -> None:
    from daemon.cli.plain_text import printable  # noqa: PLC0415 - keeps --help instant

    rows = [_HEADINGS, *(_cells(one, one.day, printable(one.project, longest=40)) for one in result.days)]
    table([*rows, _cells(result.total, "total", "")])
    percent = result.variance_percent
    said = "only the cloud has rows" if percent is None else f"{percent:.2f} %"
    verdict = "within tolerance" if result.within_tolerance else "investigate"
    click.echo(f"● Variance: {said} ({verdict})")
    if result.total.withheld:
        click.echo(f"● {result.total.withheld} rows stay here by your rules; the cloud is not expected to have them.")
    if result.total.waiting:
        click.echo(f"● {result.total.waiting} rows wait; `halton-meter cloud sync` sends them.")


def _cells(one: DayOfProject, day: str, project: str) -> list[str]:
    numbers = [f"{one.here.requests:,}", f"{one.there.requests:,}"]
    numbers += [_usd(one.here.cost_millicents), _usd(one.there.cost_millicents)]
    return [day, project, *numbers, f"{one.waiting:,}", f"{one.withheld:,}", f"{one.set_aside:,}"]


def _usd(millicents: int) -> str:
    from decimal import Decimal  # noqa: PLC0415 - keeps --help instant

    return f"{Decimal(millicents) / 100_000:,.2f}"


def _json(result: Reconciliation) -> dict[str, Any]:
    percent = result.variance_percent
    return {
        "rows": [{"date": one.day, "project": one.project, **_sides(one)} for one in result.days],
        "total": _sides(result.total),
        "variance_percent": None if percent is None else f"{percent:.4f}",
        "within_tolerance": result.within_tolerance,
    }


def _sides(one: DayOfProject) -> dict[str, Any]:
    return {
        "here": _sums(one.here),
        "cloud": _sums(one.there),
        "waiting": one.waiting,
        "withheld": one.withheld,
        "quarantined": one.set_aside,
    }


def _sums(sums: Sums) -> dict[str, int]:
    return {
        "request_count": sums.requests,
        "prompt_tokens": sums.prompt_tokens,
        "completion_tokens": sums.completion_tokens,
        "cost_usd_minor_units": sums.cost_millicents,
    }
