"""The page of recent requests: `/{workspace}/requests`.

Belongs here: showing, searching and turning pages of them, and the table that other pages show them in. Does not belong
here: finding them (`api.dashboards.requests`), one request (`trace`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.dashboards.cursor import parse_cursor
from api.dashboards.filters import FilterError
from api.dashboards.models.requests import RequestShown
from api.dashboards.queries.dimensions import model_names
from api.dashboards.requests import Page, request_page
from api.dashboards.search import parse_search
from api.dashboards.serving import viewing
from api.dashboards.view import View
from api.pages.dashboard import dashboard_page
from api.pages.rail import Rail, page_rail
from api.pages.tables import Column, Table
from api.providers import provider_words

router = APIRouter(include_in_schema=False)
Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_DASHBOARDS))]
PagedRail = Annotated[Rail, Depends(page_rail())]


def _amount(one: Any) -> str | None:
    return one.cost_usd or one.subscription_imputed_usd or one.imported_usd or one.other_basis_usd


def _kind_of_money(one: Any) -> str | None:
    if one.spend_kind == "metered":
        return None
    return "subscription" if one.spend_kind == "subscription_imputed" else one.spend_kind.replace("_", " ")


def _outcome(one: Any) -> tuple[str, str] | None:
    return None if one.status == "success" else (one.error_class or one.status, "bad")


REQUESTS: Final = Table(
    "requests",
    "Requests, newest first",
    (
        Column(
            "requested_at",
            "Made",
            lambda one: one.requested_at,
            "instant",
            link=lambda one: one.path,
            badge=_outcome,
            sorts=False,
        ),
        Column("project", "Project", lambda one: one.project, sorts=False),
        Column("model", "Model", lambda one: one.model, note=lambda one: provider_words(one.provider), sorts=False),
        Column("device", "Developer", lambda one: one.device_name or one.device_id, sorts=False),
        Column("input_tokens", "In", lambda one: one.input_tokens, "number", sorts=False),
        Column("output_tokens", "Out", lambda one: one.output_tokens, "number", sorts=False),
        Column("amount", "Cost", _amount, "precise", note=_kind_of_money, sorts=False),
        Column("provider_request_id", "Id at the provider", lambda one: one.provider_request_id, "code", sorts=False),
    ),
    "No request in this period fits.",
)


def requests_table(view: View, shown: Sequence[RequestShown]) -> Table:
    """Return the table of some requests, models by what people call them with their ids in quiet words."""
    names = model_names(view.marts, sorted({(one.provider, one.model) for one in shown}))

    def note(one: RequestShown) -> str:
        provider, name = provider_words(one.provider), names.get((one.provider, one.model))
        return provider if name in (None, one.model) else f"{one.model} · {provider}"

    model = Column(
        "model", "Model", lambda one: names.get((one.provider, one.model), one.model), note=note, sorts=False
    )
    return replace(REQUESTS, columns=tuple(model if one.key == "model" else one for one in REQUESTS.columns))


class WantedRequests:
    """Which requests a page's URL asks for.

    Attributes:
        page: of them.
        refusal: why the URL's search or place could not be understood; else empty.
        search: what was typed.
    """

    def __init__(self, request: Request) -> None:
        given = request.query_params
        self.search, self.refusal = given.get("search", "").strip(), ""
        try:
            self.page = Page(after=parse_cursor(given.get("cursor")), search=parse_search(self.search or None))
        except FilterError as error:
            self.page, self.refusal = Page(), str(error)

    @property
    def is_first(self) -> bool:
        """Whether it is the newest page."""
        return self.page.after is None


@router.get("/{workspace}/requests")
def requests_page(request: Request, caller: Viewer, rail: PagedRail) -> Response:
    """Show the period's requests, newest first, a hundred to a page."""
    wanted = WantedRequests(request)
    with viewing(rail.call(request, caller)) as view:
        answer = request_page(view, wanted.page)
        return dashboard_page(
            request,
            "requests/list.html",
            caller=caller,
            rail=rail,
            view=view,
            answer=answer,
            tables=lambda shown: {
                "requests": requests_table(view, answer.requests).shown(
                    answer.requests, shown, zone=answer.time_zone, csv_path=f"/v1{answer.csv_path}"
                )
            },
            wanted=wanted,
        )
