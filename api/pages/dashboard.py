"""What pages of figures share: the rail, the sync banner, the foot, and the sources of their charts and tables.

Belongs here: rendering a page of figures, and the registries that the routes of charts and tables look into. Does not
belong here: one view's page, those routes (`figure_routes`), markup (`templates/dashboard.html`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Final

from fastapi import Request, Response

from api.access.callers import Caller
from api.access.permissions import Permission
from api.dashboards.filters import Filters
from api.dashboards.overview import sync_shown
from api.dashboards.serving import viewing
from api.dashboards.view import View
from api.devices import SyncBanner
from api.pages.rail import Rail, RailShown, rail_shown
from api.pages.shell import page
from api.pages.tables import Table, TableShown

BANNERS: Final = {
    SyncBanner.GREEN: ("good", "Every machine is in sync."),
    SyncBanner.AMBER: ("warn", "A machine is behind with its uploads."),
    SyncBanner.RED: ("bad", "A machine does not sync."),
}

NO_MACHINE: Final = ("warn", "No machine is connected.")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a chart or a table is asked for.

    Attributes:
        request: the call.
        caller: the member and workspace.
        rail: filters, sorting, and every further parameter in `extra`.
    """

    request: Request
    caller: Caller
    rail: Rail

    def viewing(self) -> AbstractContextManager[View]:
        """Give a view on the current snapshot with these filters."""
        return viewing(self.rail.call(self.request, self.caller))

    def parameter(self, name: str) -> str:
        """Return one further parameter; empty when it was not given."""
        return self.rail.extra.get(name, "")


@dataclass(frozen=True, slots=True)
class Drawn:
    """Rows of a chart.

    Attributes:
        rows: with the chart's columns (`pipelines.charts`).
        series: names of its categories in their order, where it is coloured by provider.
    """

    rows: Sequence[Mapping[str, Any]]
    series: Sequence[str] | None = None


ChartSource = Callable[[Asked], Drawn]
TableSource = Callable[[Asked], Iterable[Any]]
_charts: dict[str, ChartSource] = {}
_tables: dict[str, tuple[Table, TableSource, Permission]] = {}


def chart_source(name: str) -> Callable[[ChartSource], ChartSource]:
    """Return a decorator: the function gives the rows of `/{workspace}/charts/{name}.json` and `.svg`."""

    def register(source: ChartSource) -> ChartSource:
        if name in _charts:
            raise ValueError(f"the chart {name} has two sources")
        _charts[name] = source
        return source

    return register


def table_source(
    table: Table, permission: Permission = Permission.VIEW_DASHBOARDS
) -> Callable[[TableSource], TableSource]:
    """Return a decorator: the function gives the rows of `/{workspace}/tables/{table.name}.csv`, all of them.

    Args:
        table: whose.
        permission: what its page needs, where that is another one than looking at figures.
    """

    def register(source: TableSource) -> TableSource:
        if table.name in _tables:
            raise ValueError(f"the table {table.name} has two sources")
        _tables[table.name] = (table, source, permission)
        return source

    return register


def source_of_chart(name: str) -> ChartSource | None:
    """Return where a chart's rows come from; None when there is no such chart."""
    return _charts.get(name)


def source_of_table(name: str) -> tuple[Table, TableSource, Permission] | None:
    """Return a table, where its rows come from and who may have them; None when there is no such table."""
    return _tables.get(name)


def dashboard_page(
    request: Request,
    template: str,
    *,
    caller: Caller,
    rail: Rail,
    view: View,
    answer: Any,
    tables: Callable[[RailShown], Mapping[str, TableShown]] | None = None,
    later: Callable[[], Mapping[str, Any]] | None = None,
    project: str | None = None,
    carried: Filters | None = None,
    status: int = 200,
    **given: Any,
) -> Response:
    """Return a page of figures: its template extends `dashboard.html`. Call it while `view` is held.

    Args:
        request: the call it answers.
        template: file below `templates`.
        caller: the member and workspace.
        rail: what its URL asks for.
        view: what it was read from.
        answer: the JSON answer it shows: build, zone, totals and withheld counts stand in its foot.
        tables: makes its tables ready, by the names the template has for them.
        later: reads what the template shows of the request's session, and is called before `tables`: a session holds
            its connection from its first question on, and a call may hold one at a time, so that the view comes first.
        project: slug of the project it is about, if it is about one.
        carried: what its links to other views carry, where its own period is another than its URL's.
        status: of the answer.
        given: what the template shows beside.
    """
    shown = rail_shown(request, rail, view, project=project)
    if carried is not None:
        shown = replace(shown, filter_query=carried.query_string())
    banner = BANNERS.get(SyncBanner(view.sync.colour)) if view.devices else None
    synced, now = sync_shown(view.sync), view.now
    if banner and not (synced.active or synced.degraded or synced.paused):
        banner = NO_MACHINE  # none is behind, because none is there
    read: Mapping[str, Any] = later() if later else {}
    return page(
        request,
        template,
        caller=caller,
        status=status,
        rail=shown,
        filter_query=shown.filter_query,
        answer=answer,
        sync=synced,
        banner=banner,
        now=now,
        tables=tables(shown) if tables else {},
        **given,
        **read,
    )
