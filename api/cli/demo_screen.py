"""What the demo shows in the terminal, on stderr.

Belongs here: bars, tables and wording. Does not belong here: getting the numbers (`api.cli.demo`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

_Result = TypeVar("_Result")
MILLICENTS_PER_USD = 100_000
OWNER = "demo@halton.example"
"""Who may sign in to the demo's workspace."""
_PAGES = {
    "reconciliation": "the log against the bill, and why they differ",
    "optimization": "what would save money",
    "executive": "one page for a CFO",
    "budgets": "where the month ends",
    "cost-centers": "who pays",
}
_UNDER_UV = "UV_RUN_RECURSION_DEPTH"
_NOTEBOOKS = "python3 -m uv run --no-dev --extra cloud --extra notebooks marimo edit notebooks"
_COLOURS = {"green": "green", "amber": "yellow", "red": "red"}


class DemoScreen:
    """A terminal, or a plain log where there is none."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)

    def begin(self, home: Path) -> None:
        """Say where everything goes."""
        self._console.print(f"[bold]Halton Meter Cloud demo[/bold] in {home}")

    def listening(self, url: str) -> None:
        """Say that the server answers."""
        self._console.print(f"● server listening at {url}")

    @contextmanager
    def progress(self) -> Generator[_Bars]:
        """Show one bar per machine."""
        columns = (
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("rows"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console) as bars:
            yield _Bars(bars)

    def uploaded(self, devices: int, totals: Mapping[str, int]) -> None:
        """Say what the machines sent."""
        aside = f", {totals['quarantined']:,} set aside" if totals["quarantined"] else ""
        again = totals["rows"] - totals["distinct_rows"]
        self._console.print(
            f"● {devices} machines paired and sent {totals['rows']:,} rows, {again:,} of them twice; "
            f"{totals['accepted']:,} are durable{aside}",
            soft_wrap=True,
        )

    def waiting(self, what: str, work: Callable[[], _Result]) -> _Result:
        """Show a spinner while something runs."""
        with self._console.status(f"{what} …"):
            return work()

    def built(self, build: dict[str, Any]) -> None:
        """Say what was published."""
        self._console.print(
            f"● marts built, tested and published in {build['seconds']:.1f} s: "
            f"{build['rows_total']:,} distinct requests, build {build['build_id']}",
            soft_wrap=True,
        )

    def billed(self, invoices: int, lines: int) -> None:
        """Say what providers billed."""
        if invoices:
            self._console.print(f"● {invoices} invoices of the providers taken, {lines:,} lines", soft_wrap=True)

    def analysed(self, analysis: Mapping[str, Any] | None) -> None:
        """Say what was published beside the marts."""
        if analysis is not None:
            self._console.print(
                f"● analysis of them built in {analysis['seconds']:.1f} s: reconciliation, clusters, recommendations, "
                "forecasts",
                soft_wrap=True,
            )

    def overview(self, overview: dict[str, Any]) -> None:
        """Show the overview the way the dashboard has it."""
        self._console.print(self._headline(overview))
        self._console.print(self._top("Top projects", overview["top_projects"], "project"))
        self._console.print(self._top("Top models", overview["top_models"], "model"))
        sync = overview["sync"]
        colour = _COLOURS[sync["colour"]]
        self._console.print(
            f"Sync: [{colour}]{sync['colour']}[/{colour}], {sync['active']} of {sync['devices']} active"
        )

    def proof(self, report: dict[str, Any], sent: Mapping[str, int], overview: dict[str, Any]) -> bool:
        """Show whether the totals are proven.

        Returns:
            Whether the dashboards' sums are what the machines added up themselves, each money apart.
        """
        for difference in report["differences"]:
            self._console.print(f"[red]✘[/red] {escape(difference)}")
        if report["ok"]:
            checked = sum(report["checked"].values())
            self._console.print(
                f"[green]✔[/green] verified: {checked:,} rows, files and sums recomputed, 0 differences"
            )
        totals = overview["totals"]
        own = (sent["distinct_rows"], sent["cost_metered_millicents"], sent["cost_subscription_imputed_millicents"])
        shown = (
            totals["requests"],
            Decimal(totals["cost_usd"]) * MILLICENTS_PER_USD,
            Decimal(totals["subscription_imputed_usd"]) * MILLICENTS_PER_USD,
        )
        agrees = own == shown
        mark = "[green]✔[/green] the machines' own sums are the dashboards'" if agrees else "[red]✘[/red] sums differ"
        requests, metered, imputed = own
        self._console.print(
            f"{mark}: {requests:,} requests, ${Decimal(metered) / MILLICENTS_PER_USD:,.5f} metered, "
            f"${Decimal(imputed) / MILLICENTS_PER_USD:,.5f} under subscriptions",
            soft_wrap=True,
        )
        return agrees

    def look_further(self, url: str, slug: str, key: str, seconds: float, *, home: Path, serving: bool) -> None:
        """Say where to look next."""
        out = self._console
        out.print(f"\nDone in {seconds:.1f} s. Look further:")
        if not serving:
            port = url.rpartition(":")[2]
            out.print(f"  {_cloud()} up --home {home} --port {port}", soft_wrap=True)
        out.print(
            f"  {url}/signin as {OWNER}: the e-mail with its code is the newest file of {home / 'mail'}", soft_wrap=True
        )
        for page, what in _PAGES.items():
            out.print(f"    {url}/{slug}/{page}  {what}", soft_wrap=True)
        out.print(f"  HALTON_HOME={home} {_NOTEBOOKS}", soft_wrap=True)
        report = f"{_cloud()} report make executive --workspace {slug} --out summary.pdf --home {home}"
        out.print(f"  {report}", soft_wrap=True)
        out.print(f'  curl -H "Authorization: Bearer {key}" {url}/v1/{slug}/overview', soft_wrap=True)
        end = " Ctrl-C stops the server." if serving else ""
        out.print(f"  {url}/docs/api explains every route.{end}", soft_wrap=True)

    def _headline(self, overview: dict[str, Any]) -> Table:
        totals, headline = overview["totals"], overview["headline"]
        table = Table(title=f"Overview of {overview['filters']['from']} to {overview['filters']['to']}")
        for column in ("", "spend (logged)", "requests", "unpriced"):
            table.add_column(column, justify="left" if not column else "right")
        rows = [("this period", totals)]
        rows += [(name.replace("_", " "), headline[name]) for name in ("today", "this_month", "last_month")]
        for name, spend in rows:
            cells = (_usd(spend["cost_usd"]), f"{spend['requests']:,}", f"{spend['unpriced_requests']:,}")
            table.add_row(name, *cells)
        table.add_section()
        table.add_row("priced by our rate book", _usd(totals["cost_priced_usd"]), "", f"{totals['unrated_requests']:,}")
        table.add_row("covered by subscriptions", _usd(totals["subscription_imputed_usd"]), "", "")
        return table

    def _top(self, title: str, rows: list[dict[str, Any]], name: str) -> Table:
        table = Table(title=title)
        table.add_column(name)
        for column in ("spend", "share", "requests"):
            table.add_column(column, justify="right")
        for row in rows:
            share = "" if row["share_percent"] is None else f"{row['share_percent']} %"
            table.add_row(str(row[name]), _usd(row["cost_usd"]), share, f"{row['requests']:,}")
        return table


class _Bars:
    """Progress bars by machine."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[int, TaskID] = {}

    def advance(self, device: int, name: str, done: int, total: int) -> None:
        """Move one machine's bar."""
        if device not in self._tasks:
            self._tasks[device] = self._bars.add_task(name, total=total)
        self._bars.update(self._tasks[device], completed=done)


def _cloud() -> str:
    """Return how people call the command: by `uv run` where they did so now, by its name once it is installed."""
    return "python3 -m uv run --no-dev --extra cloud halton-cloud" if _UNDER_UV in os.environ else "halton-cloud"


def _usd(amount: str) -> str:
    return f"${Decimal(amount):,.2f}"
