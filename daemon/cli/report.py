"""`halton-meter report`: what calls cost.

Belongs here: options and where the report goes. Does not belong here: reading and adding up, what a report looks like
(`daemon.report`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from daemon.cli.state import CliState

if TYPE_CHECKING:
    from daemon.report.groups import Grouping
    from daemon.report.reading import Report
    from daemon.report.window import Window

_EPILOG = """\b
Examples:
  halton-meter report                              the last 30 days, by project
  halton-meter report --since 7d --vs-previous     this week against the one before
  halton-meter report --by model --project acme-api
  halton-meter report --from 2026-11-01 --to 2026-11-30 --by day --csv
  halton-meter report --json
"""


@click.command(epilog=_EPILOG)
@click.option("--since", metavar="SPAN", help="Up to now: 24h, 7d, 4w, today. [default: 30d]")
@click.option("--from", "first", metavar="DAY", help="First day, or an instant: 2026-11-01.")
@click.option("--to", "end", metavar="DAY", help="Last day, or the instant it ends before. [default: now]")
@click.option(
    "--by",
    type=click.Choice(["project", "model", "provider", "day"]),
    default="project",
    show_default=True,
    help="What the rows are.",
)
@click.option("--project", metavar="SLUG", help="Only calls of this project.")
@click.option("--vs-previous", is_flag=True, help="Compare with the same length of time before.")
@click.option("--zone", metavar="NAME", default="UTC", show_default=True, help="Whose days: Europe/Berlin, local, UTC.")
@click.option(
    "--top", type=click.IntRange(0), default=20, show_default=True, help="Rows on the screen; 0 shows all of them."
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, every row.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object, every row, always with projects and models."
)
@click.pass_obj
def report(
    state: CliState,
    since: str | None,
    first: str | None,
    end: str | None,
    by: Grouping,
    project: str | None,
    zone: str,
    top: int,
    *,
    vs_previous: bool,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Show what the calls of this machine cost, by the time they were made.

    Metered spend, use under a subscription and imported amounts are different monies and stay apart. Calls whose price
    is unknown are counted, and are in no amount. Nothing leaves this machine.
    """
    if as_csv and as_json:
        raise click.UsageError("Give either --csv or --json.")
    # Imported here, as in every command, so that --help stays instant.
    from daemon.cli.reading import reading  # noqa: PLC0415
    from daemon.clock import SystemClock, to_micros  # noqa: PLC0415
    from daemon.report.reading import known_projects, read_report  # noqa: PLC0415

    clock = SystemClock()
    window = _window(since, first, end, zone)
    with reading(state.home, clock) as connection:
        found = read_report(connection, window, project=project, with_previous=vs_previous)
        projects = known_projects(connection, 10) if project and not found.parts else []
    if as_json or as_csv:
        _print_for_programs(found, by, as_json=as_json)
        return
    from daemon.cli.terminal import Terminal  # noqa: PLC0415
    from daemon.report.screen import report_lines  # noqa: PLC0415
    from daemon.report.table import Look  # noqa: PLC0415

    terminal = Terminal()
    look = Look(width=terminal.width, by=by, top=top, blocks=terminal.blocks)
    terminal.print(report_lines(found, look, now_us=to_micros(clock.now()), projects=projects))


def _window(since: str | None, first: str | None, end: str | None, zone: str) -> Window:
    from daemon.cli.plain_text import printable  # noqa: PLC0415 - keeps --help instant
    from daemon.clock import SystemClock  # noqa: PLC0415
    from daemon.report.window import WindowError, parse_window, parse_zone  # noqa: PLC0415

    try:
        return parse_window(since, first, end, SystemClock().now(), parse_zone(zone))
    except WindowError as error:
        message = printable(str(error))
        raise click.UsageError(f"{message[:1].upper()}{message[1:]}.") from None


def _print_for_programs(found: Report, by: Grouping, *, as_json: bool) -> None:
    import json  # noqa: PLC0415 - keeps --help instant

    from daemon.report.csv_text import as_csv  # noqa: PLC0415
    from daemon.report.document import as_document  # noqa: PLC0415

    click.echo(json.dumps(as_document(found, by=by)) if as_json else as_csv(found, by), nl=as_json)
