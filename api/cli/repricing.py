"""`halton-cloud rate reprice` and `rate runs`: the restatement ledger.

Belongs here: the commands. Does not belong here: the rules (`api.repricing`).
"""

from __future__ import annotations

from contextlib import closing

import click
import msgspec

from api.audit import OPERATOR
from api.bills.routes import month_days
from api.cli.console import home_option, print_answer, workspace_option
from api.cli.database import looking, opened
from api.dashboards.rates.routes import instant_or_build
from api.db.session import reading, transaction
from api.repricing.ledger import list_runs, record_run
from api.repricing.pricing import price_month
from api.repricing.routes import RunShown
from api.workspaces import find_workspace
from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.clock import SystemClock
from pipelines.lake.paths import Home


@click.command("reprice")
@click.option("--month", required=True, metavar="YYYY-MM", help="The month, in UTC.")
@click.option("--since", metavar="BUILD|INSTANT", help="The month's first run only: compare with what was known then.")
@workspace_option
@home_option
def reprice(home_folder: str | None, workspace_slug: str, month: str, since: str | None) -> None:
    r"""Price a month by what is known now, and append what changed since its last run to the ledger, by cause.

    A month's first run opens its ledger. Where nothing changed nothing is written. Refused while the newest build does
    not hold what is known now (`refresh` brings it in).

    Prints {"recorded", "run": {"number", "said_usd", "now_usd", "change_usd", "entries": [{"provider", "cause", ...}],
    ...}}; the run is the last one where nothing was recorded.

    \b
    Examples:
      halton-cloud rate reprice --workspace acme-co --month 2026-06
      halton-cloud rate reprice --workspace acme-co --month 2026-06 --since 2026-07-01T09:00:00Z
    """
    home, at = Home.locate(home_folder), SystemClock().now()
    first = month_days(month)[0]
    known_at, build_id = (None, None) if since is None else instant_or_build(since)
    with opened(home) as engine, closing(SnapshotReader(home)) as snapshots:
        with reading(engine) as session:
            workspace_id = find_workspace(session, workspace_slug).id
        priced = price_month(home, engine, snapshots, workspace_id, first, known_at, at)
        with transaction(engine) as session:
            run = record_run(session, workspace_id, priced, build_id, actor=OPERATOR, at=at)
            (newest,) = list_runs(session, workspace_id, 1, month=first)
    print_answer({"recorded": run is not None, "run": msgspec.to_builtins(RunShown.of(newest))})


@click.command("runs")
@click.option("--month", metavar="YYYY-MM", help="Of this month only.")
@click.option("--limit", type=click.IntRange(1, 500), default=100, show_default=True, help="Newest runs to print.")
@workspace_option
@home_option
def runs(home_folder: str | None, workspace_slug: str, month: str | None, limit: int) -> None:
    r"""List the runs of the restatement ledger, newest first, each proved anew.

    Prints {"runs": [{"number", "month", "made_at", "made_by", "build_id", "said_usd", "now_usd", "entries", "digest",
    "faults", ...}]}; faults is empty where all holds.

    \b
    Example:
      halton-cloud rate runs --workspace acme-co --month 2026-06
    """
    first = None if month is None else month_days(month)[0]
    with looking(home_folder) as (session, _now):
        found = list_runs(session, find_workspace(session, workspace_slug).id, limit, month=first)
        answer = [msgspec.to_builtins(RunShown.of(one)) for one in found]
    print_answer({"runs": answer})
