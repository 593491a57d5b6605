"""`halton-meter simulate-bills`: what providers would bill for a simulated history, as invoice files.

Belongs here: options and writing the files. Does not belong here: what is on an invoice (`daemon.simulate.invoices`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.cli.simulate import DEFAULT_ROWS, instant_option
from daemon.cli.state import PlainFailure, plain_failures

if TYPE_CHECKING:
    from daemon.simulate.history import Plan
    from daemon.wire.record import Record

_EPILOG = """\b
Example:
  halton-meter simulate-bills --rows 2000 --days 30 --devices 3 --until 2026-11-21T12:00:00Z --out invoices
"""


@click.command("simulate-bills", epilog=_EPILOG)
@click.option("--rows", type=click.IntRange(1), help="As of `simulate`. [default: 50000, or the whole trace]")
@click.option("--days", type=click.IntRange(1, 2_000), default=90, show_default=True, help="As of `simulate`.")
@click.option("--seed", type=int, default=7, show_default=True, help="As of `simulate`.")
@click.option("--devices", type=click.IntRange(1, 1_000), default=1, show_default=True, help="As of `simulate`.")
@click.option(
    "--trace", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="As of `simulate`: its calls."
)
@click.option("--until", callback=instant_option, metavar="ISO", required=True, help="As of `simulate`.")
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder the files go into."
)
def simulate_bills(
    *, rows: int | None, days: int, seed: int, devices: int, trace: Path | None, until: datetime, out: Path
) -> None:
    """Write what providers bill for the calls of `simulate` with the same options: a CSV per provider and month.

    They end with the day before --until, and differ from the log as real bills do: calls of a machine that nobody
    paired, models without a public price, a credit, tax, whole cents. Prints {"invoices": [{"provider", "month",
    "file"}]}.
    """
    with plain_failures():
        from daemon.simulate.history import Plan  # noqa: PLC0415 - keeps --help instant
        from daemon.simulate.invoices import invoices  # noqa: PLC0415
        from daemon.simulate.trace import TraceError  # noqa: PLC0415

        plan = Plan(rows or DEFAULT_ROWS, days, until, seed, 0, devices)
        last_day = until.astimezone(UTC).date() - timedelta(days=1)
        try:
            if trace is None:
                made = invoices(_made_up(plan), _unpaired(plan), last_day)
            else:
                made = invoices(_replayed(plan, trace, rows), [], last_day)
        except TraceError as error:
            raise PlainFailure(str(error)) from error
        out.mkdir(parents=True, exist_ok=True)
        told: list[dict[str, str]] = []
        for invoice in made:
            file = out / f"{invoice.provider}-{invoice.month}.csv"
            file.write_text(invoice.csv(), encoding="utf-8", newline="")
            told.append({"provider": invoice.provider, "month": invoice.month, "file": str(file)})
    click.echo(json.dumps({"invoices": told}))


def _made_up(plan: Plan) -> Iterator[Record]:
    from daemon.simulate.history import generate  # noqa: PLC0415 - keeps --help instant

    for index in range(plan.devices):
        yield from generate(replace(plan, device_index=index))


def _unpaired(plan: Plan) -> list[Record]:
    """Return the calls of one laptop more."""
    from daemon.simulate.history import generate  # noqa: PLC0415 - keeps --help instant

    return generate(replace(plan, device_index=plan.devices, devices=plan.devices + 1))


def _replayed(plan: Plan, trace: Path, rows: int | None) -> Iterator[Record]:
    from daemon.simulate.trace import read_trace  # noqa: PLC0415 - keeps --help instant
    from daemon.simulate.trace_history import TracePlan, replay  # noqa: PLC0415

    calls = read_trace(trace)[:rows]
    for index in range(plan.devices):
        yield from replay(calls, TracePlan(plan.until, plan.seed, index, plan.devices))
