"""The filter rail of pages: what a URL asks for, what the form shows, and the chips of what narrows the figures.

Belongs here: reading a page's query string and writing the links that change it. Does not belong here: what values
mean (`api.dashboards.filters`), markup (`templates/rail.html`).

A person's URL may be old, shared or mistyped. A parameter that does not exist is left out with a notice; a value that
cannot be understood is said in the rail, and the page shows the default range, which the notice names. (The JSON
routes refuse both.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlencode

from fastapi import Depends, Request

from api.access.callers import Caller
from api.dashboards.devices import filter_values
from api.dashboards.filters import FilterError, Filters, parse_filters, split_values
from api.dashboards.parameters import PAGE, RAIL
from api.dashboards.periods import DAY, RangeName
from api.dashboards.serving import Call
from api.dashboards.view import View
from api.pages.rail_choices import Chip, Select, select_of
from api.pages.words import days_words
from api.providers import provider_words

RANGES: Final = (
    (RangeName.LAST_24_HOURS, "Last 24 hours"),
    (RangeName.LAST_7_DAYS, "Last 7 days"),
    (RangeName.LAST_30_DAYS, "Last 30 days"),
    (RangeName.THIS_MONTH, "This month"),
    (RangeName.LAST_MONTH, "Last month"),
    (RangeName.CUSTOM, "Custom range"),
)
_OWN: Final = frozenset({"sort", "done", "theme"}) | PAGE
"""Parameters of pages that are no filter."""
_NOT_CARRIED: Final = frozenset({"sort", "done", "theme", "limit", "cursor"})


@dataclass(frozen=True, slots=True)
class Rail:
    """What a page's URL asks for.

    Attributes:
        filters: in normal form; the default when they cannot be understood.
        refusal: why not, in one sentence; else empty.
        ignored: how many parameters there are that this page does not have.
        sorts: as they stand in the URL, in their order.
        extra: the page's own parameters that were given, by name.
        period_name: what the page calls a period that its URL does not name; else empty.
    """

    filters: Filters
    refusal: str
    ignored: int
    sorts: tuple[str, ...]
    extra: Mapping[str, str]
    period_name: str = ""

    def call(self, request: Request, caller: Caller) -> Call:
        """Return the call whose view has this filter."""
        return Call(request, caller, self.filters)

    def query(self, *, filters: Filters | None = None, **changed: str | None) -> str:
        """Return this URL's query string with some parameters changed; `None` leaves one out."""
        own = {**self.extra, **{name: value for name, value in changed.items() if name != "sort"}}
        pairs = [(name, value) for name, value in own.items() if value]
        sorts = [changed["sort"]] if changed.get("sort") else ([] if "sort" in changed else list(self.sorts))
        parts = [(filters or self.filters).query_string(), urlencode([*pairs, *(("sort", one) for one in sorts)])]
        return "&".join(part for part in parts if part)


def page_rail(*extra: str) -> Callable[[Request], Rail]:
    """Return the FastAPI dependency of a page that has parameters of its own beside the rail.

    Args:
        extra: their names; `*` for any.
    """
    known = RAIL | _OWN | set(extra)

    def read(request: Request) -> Rail:
        given = request.query_params
        refusal = ""
        try:
            # A form sends what nobody filled in as well: empty is as good as absent.
            filters = parse_filters(
                range_name=given.get("range") or None,
                **_custom(given.get("range"), given.get("from") or None, given.get("to") or None),
                providers=given.getlist("provider"),
                models=given.getlist("model"),
                projects=given.getlist("project"),
                devices=given.getlist("device"),
                cost_centers=given.getlist("cost_center"),
            )
        except FilterError as error:
            filters, refusal = Filters(), str(error)
        return Rail(
            filters=filters,
            refusal=refusal,
            ignored=0 if "*" in extra else len(set(given.keys()) - known),
            sorts=tuple(given.getlist("sort")),
            extra={
                name: given[name]
                for name in (given.keys() - RAIL - _NOT_CARRIED if "*" in extra else ("search", *extra))
                if given.get(name)
            },
        )

    return read


EVERYTHING: Final = Rail(Filters(), "", 0, (), {})
"""The rail of a page that was asked for without any filter."""
PageFilters = Annotated[Rail, Depends(page_rail())]
"""A page's filters; a page with parameters of its own takes `Annotated[Rail, Depends(page_rail("month"))]`."""


@dataclass(frozen=True, slots=True)
class RailShown:
    """The rail as a page shows it.

    Attributes:
        path: of the page, without query string.
        query: of the page: filters, sorting and its own parameters.
        filter_query: the filters alone: what links to other views carry.
        figures_query: the filters that the page's figures have: on a project's page that project's.
        days: the period's first and last local day.
        period_words: the period as people say it.
        compared_words: the period before, that changes are measured against.
        hidden: what the form carries along unseen.
    """

    path: str
    query: str
    filter_query: str
    figures_query: str
    rail: Rail
    ranges: Sequence[tuple[str, str]]
    range: str
    days: tuple[date, date]
    period_words: str
    compared_words: str
    selects: Sequence[Select]
    chips: Sequence[Chip]
    hidden: Sequence[tuple[str, str]]

    @property
    def carried(self) -> Sequence[tuple[str, str]]:
        """Everything the page's URL says, as fields of a further form on it."""
        return parse_qsl(self.query)

    @property
    def filter_pairs(self) -> Sequence[tuple[str, str]]:
        """The filters that links to other views carry, as fields of a form."""
        return parse_qsl(self.filter_query)

    @property
    def report_period(self) -> Mapping[str, str]:
        """The page's period as forms that ask for a report take it."""
        if self.range in (RangeName.THIS_MONTH, RangeName.LAST_MONTH):
            return {"period": self.range, "from": "", "to": ""}
        first, last = self.days
        return {"period": "custom", "from": first.isoformat(), "to": last.isoformat()}

    @property
    def here(self) -> str:
        """The page as it is, without its place in a list."""
        return _with(self.path, self.query)

    @property
    def without_search(self) -> str:
        """The page without what is searched for."""
        return _with(self.path, self.rail.query(search=None))

    def turned(self, **changed: str | None) -> str:
        """Return the page with some of its own parameters changed; None leaves one out."""
        return _with(self.path, self.rail.query(filters=None, **changed))

    def link(self, path: str) -> str:
        """Return the path of another view of the workspace with the same filter."""
        return f"{path}?{self.filter_query}" if self.filter_query else path

    @property
    def everything(self) -> str:
        """The page without multi-selects."""
        kept = Filters(self.rail.filters.range, self.rail.filters.first_day, self.rail.filters.last_day)
        return _with(self.path, self.rail.query(filters=kept))

    def data(self, name: str, *, ending: str = "json", **extra: str) -> str:
        """Return the URL of a chart of this page's figures."""
        base = f"/{self.path.split('/')[1]}/charts/{name}.{ending}"
        return _with(base, _joined(self.figures_query, urlencode(extra)))

    def csv(self, name: str, **extra: str) -> str:
        """Return the URL of a table of this page as CSV, sorted as it is shown."""
        sorts = urlencode([("sort", one) for one in self.rail.sorts if one.removeprefix("-").startswith(f"{name}.")])
        return _with(
            f"/{self.path.split('/')[1]}/tables/{name}.csv", _joined(self.figures_query, urlencode(extra), sorts)
        )


def rail_shown(request: Request, rail: Rail, view: View, *, project: str | None = None) -> RailShown:
    """Return the rail as a page shows it.

    Args:
        request: the page's call.
        rail: what its URL asks for.
        view: what its figures are read from.
        project: slug of the project that the page is about; then there is no choice of projects.
    """
    values, asked = filter_values(view), rail.filters
    path = request.url.path
    selects = [
        select_of(
            "provider", "Provider", asked.providers, [(one, provider_words(one), "") for one in values.providers]
        ),
        select_of(
            "model",
            "Model",
            asked.models,
            [(one.model, one.display_name or one.model, provider_words(one.provider)) for one in values.models],
        ),
        select_of(
            "project",
            "Project",
            asked.projects,
            [(one.project, one.display_name or one.project, "") for one in values.projects],
        ),
        select_of(
            "device",
            "Developer",
            asked.devices,
            [(one.device_id, one.name or one.device_id, "") for one in values.devices],
        ),
        select_of(
            "cost_center",
            "Cost centre",
            asked.cost_centers,
            [(one.cost_center, one.name, "") for one in values.cost_centers],
        ),
    ]
    if project is not None:
        selects = [one for one in selects if one.name not in ("project", "cost_center")]
    selects = [one for one in selects if one.options]
    span, before = view.period.current, view.period.previous
    hidden = [*rail.extra.items(), *(("sort", one) for one in rail.sorts)]
    return RailShown(
        path=path,
        query=rail.query(),
        filter_query=asked.query_string(),
        figures_query=(asked if project is None else asked.only_project(project)).query_string(),
        rail=rail,
        ranges=[(name.value, words) for name, words in RANGES],
        range=asked.range.value,
        days=(span.first_day, span.end_day - DAY),
        period_words=days_words(span.first_day, span.end_day - DAY),
        compared_words=days_words(before.first_day, before.end_day - DAY),
        selects=selects,
        chips=_chips(path, rail, selects),
        hidden=hidden,
    )


def _custom(name: str | None, first: str | None, last: str | None) -> dict[str, str | None]:
    # The form always sends its two day fields; they count with a custom range only.
    return {"first": first, "last": last} if name in (None, "", RangeName.CUSTOM) else {"first": None, "last": None}


def _chips(path: str, rail: Rail, selects: Sequence[Select]) -> list[Chip]:
    fields = {"provider": "providers", "model": "models", "project": "projects", "device": "devices"}
    fields["cost_center"] = "cost_centers"
    chips: list[Chip] = []
    for select in selects:
        field = fields[select.name]
        values: tuple[str, ...] = getattr(rail.filters, field)
        for option in select.options:
            if option.chosen:
                (value,) = split_values(option.value)
                left = replace(rail.filters, **{field: tuple(one for one in values if one != value)})
                if any(chip.kind == select.words and chip.words == option.words for chip in chips):
                    continue  # a model of two providers is one value
                chips.append(Chip(select.words, option.words, _with(path, rail.query(filters=left))))
    return chips


def _joined(*parts: str) -> str:
    return "&".join(part for part in parts if part)


def _with(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path
