"""Pages of rates: the prices that apply to a workspace, and what its usage would have cost at others.

Belongs here: `/{workspace}/rates…`, on the views the JSON routes use. Does not belong here: computing them
(`api.dashboards.rates`).

Nothing is written by asking what something would have cost: the form is a GET, and its answer can be shared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.dashboards.filters import FilterError
from api.dashboards.models.answer import BuildStamp
from api.dashboards.rates.book import ListPrices, OwnRate, list_prices, model_names, own_rates
from api.dashboards.rates.listing import WantedRates, rate_list
from api.dashboards.rates.models import RateShown, Repriced
from api.dashboards.rates.paging import RatePage, parse_place
from api.dashboards.rates.what_if import Missing, Target, what_if
from api.dashboards.serving import viewing
from api.dashboards.shown import build_fields
from api.db.dependencies import Look
from api.db.session import reading
from api.errors import Refused, invalid
from api.pages.dashboard import Asked, dashboard_page, table_source
from api.pages.rail import Rail, page_rail
from api.pages.shell import page
from api.pages.tables import Column, Table, TableShown
from api.providers import provider_words
from pipelines.lake.rate_book import MAX_PICOUSD_PER_TOKEN, TokenRates, picousd_per_token

router = APIRouter(include_in_schema=False)
Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_DASHBOARDS))]
_OWN: Final = ("at_model", "missing", "cost_uncached_input", "cost_output")
WhatIfRail = Annotated[Rail, Depends(page_rail(*_OWN))]
RATES_SHOWN: Final = 50
RATES_A_READ: Final = 500
KINDS: Final = (
    ("uncached_input", "Input"),
    ("cache_read", "Cache read"),
    ("cache_write_5m", "Write 5 min"),
    ("cache_write_1h", "Write 1 h"),
    ("output", "Output"),
)
_PRICE: Final = re.compile(r"[0-9]{1,4}(\.[0-9]{1,6})?", re.ASCII)


def _without_price(requests: int) -> str | None:
    return f"{requests:,} without both prices" if requests else None


REPRICED: Final = Table(
    "repriced-models",
    "By model",
    (
        Column(
            "model",
            "Model",
            lambda one: one.model,
            note=lambda one: provider_words(one.provider),
            also={"provider": lambda one: one.provider},
        ),
        Column("requests", "Requests", lambda one: one.requests, "number"),
        Column("compared_priced_usd", "By the rate book now", lambda one: one.compared_priced_usd, "money"),
        Column("compared_repriced_usd", "Would have cost", lambda one: one.compared_repriced_usd, "money"),
        Column("difference_usd", "Difference", lambda one: one.difference_usd, "change_money"),
        Column("difference_percent", "Change", lambda one: one.difference_percent, "change"),
        Column(
            "compared_requests",
            "Compared",
            lambda one: one.compared_requests,
            "number",
            note=lambda one: _without_price(one.requests - one.compared_requests),
        ),
    ),
    "No metered request in this period.",
)


RATES: Final = Table(
    "rates",
    "Rates, US dollars per million tokens",
    (
        Column("provider", "Provider", lambda one: one.provider),
        Column("model_ref", "Model", lambda one: one.model_ref),
        Column("service_tier", "Tier", lambda one: one.service_tier),
        Column("context_over_tokens", "Of calls over", lambda one: one.context_over_tokens, "number"),
        Column("scope", "Whose", lambda one: one.scope),
        *(
            Column(f"{kind}_usd", words, lambda one, kind=kind: getattr(one.usd_per_million_tokens, kind), "precise")
            for kind, words in KINDS
        ),
        Column("valid_from", "In force from", lambda one: one.valid_from),
        Column("valid_to", "To", lambda one: one.valid_to),
        Column("known_from", "Known since", lambda one: one.known_from),
        Column("withdrawn_at", "Withdrawn", lambda one: one.withdrawn_at),
        Column("source", "Source", lambda one: one.source),
        Column("note", "Note", lambda one: one.note),
        Column("rate_id", "Id", lambda one: one.rate_id),
    ),
)


@router.get("/{workspace}/rates")
def rates_page(
    request: Request,
    caller: Viewer,
    look: Look,
    provider: str = "",
    model: str = "",
    history: str = "",
    cursor: str = "",
) -> Response:
    """Show everyone's prices and the workspace's own, those in force now first of all."""
    state, refusal = request.app.state, ""
    given = {name: text for name, text in (("provider", provider), ("model", model), ("history", history)) if text}
    try:
        wanted_page = RatePage(RATES_SHOWN, parse_place(cursor))
    except FilterError as error:
        wanted_page, refusal = RatePage(RATES_SHOWN), str(error)
    prices, own = list_prices(state.home), own_rates(look, caller.workspace_id)
    wanted = _wanted(request, provider, model, history)
    answer = rate_list(caller.slug, prices, own, wanted, wanted_page)
    return page(
        request,
        "rates/list.html",
        caller=caller,
        answer=answer,
        refusal=refusal,
        provider=provider,
        model=model,
        history=history == "1",
        is_first=wanted_page.after is None,
        providers=[("", "All"), *((one, provider_words(one)) for one in _providers(prices, own))],
        kinds=KINDS,
        csv_query=urlencode([*given.items()]),
    )


@table_source(RATES)
def rates(asked: Asked) -> Iterator[RateShown]:
    """Yield all rates that fit a provider and a model, of all times with `history=1`."""
    state = asked.request.app.state
    with reading(state.engine) as session:
        own = own_rates(session, asked.caller.workspace_id)
    # The rail knows providers and models as multi-selects, too: the list has one of each.
    chosen = asked.rail.filters
    provider, model = (next(iter(some), "") for some in (chosen.providers, chosen.models))
    wanted = _wanted(asked.request, provider, model, asked.parameter("history"))
    prices, after = list_prices(state.home), None
    while True:
        answer = rate_list(asked.caller.slug, prices, own, wanted, RatePage(RATES_A_READ, after))
        yield from answer.rates
        if answer.next_cursor is None:
            return
        after = parse_place(answer.next_cursor)


@router.get("/{workspace}/rates/what-if")
def what_if_page(request: Request, caller: Viewer, rail: WhatIfRail) -> Response:
    """Show what the filter's usage would have cost on another model, or at given prices."""
    state, prices = request.app.state, list_prices(request.app.state.home)
    with reading(state.engine) as session:
        own = own_rates(session, caller.workspace_id)
    known = sorted({(rate.provider, rate.model_ref) for rate in (*prices.rates, *(one.rate for one in own))})
    target, refusal = None, ""
    try:
        target = _target(rail, set(known), state.clock.now())
    except Refused as refused:
        refusal = refused.message
    with viewing(rail.call(request, caller)) as view:
        repriced = what_if(view, prices, own, target) if target else None

        def ready(shown: Any) -> dict[str, TableShown]:
            csv = shown.csv(REPRICED.name, **_given(rail))
            return {"models": REPRICED.shown(repriced.models, shown, csv_path=csv)} if repriced else {}

        return dashboard_page(
            request,
            "rates/what_if.html",
            caller=caller,
            rail=rail,
            view=view,
            answer=repriced or BuildStamp(**build_fields(view)),
            tables=ready,
            status=422 if refusal else 200,
            refusal=refusal,
            repriced=repriced,
            typed={name: rail.extra.get(name, "") for name in _OWN},
            models=_by_provider(known),
        )


def _wanted(request: Request, provider: str, model: str, history: str) -> WantedRates:
    state = request.app.state
    ref = model_names(state.home).get((provider, model), model) if model else None
    return WantedRates(at=state.clock.now(), provider=provider or None, model_ref=ref, history=history == "1")


@table_source(REPRICED)
def repriced_models(asked: Asked) -> Sequence[Repriced]:
    """Return what the filter's usage would have cost, by model; none when no prices were asked for.

    Raises:
        Refused: 422 they cannot be.
    """
    state = asked.request.app.state
    with reading(state.engine) as session:
        own = own_rates(session, asked.caller.workspace_id)
    prices = list_prices(state.home)
    known = {(rate.provider, rate.model_ref) for rate in (*prices.rates, *(one.rate for one in own))}
    typed = replace(asked.rail, extra={name: asked.parameter(name) for name in _OWN})
    target = _target(typed, known, state.clock.now())
    if target is None:
        return []
    with asked.viewing() as view:
        return what_if(view, prices, own, target).models


def _given(rail: Rail) -> dict[str, str]:
    return {name: rail.extra.get(name, "").strip() for name in _OWN}


def _target(rail: Rail, known: set[tuple[str, str]], now: datetime) -> Target | None:
    """Return what a form asks to reprice at; None when nothing was asked.

    Raises:
        Refused: 422 it cannot be.
    """
    given = _given(rail)
    missing: Missing = "uncached_input" if given["missing"] == "uncached_input" else "unpriced"
    typed = (given["cost_uncached_input"], given["cost_output"])
    if given["at_model"] and any(typed):
        raise invalid("Choose a model, or type prices in: not both.")
    if given["at_model"]:
        provider, _, model = given["at_model"].partition("/")
        if (provider, model) not in known:
            raise invalid("The rate book knows no such model.", code="unknown_model")
        return Target(provider=provider, model_ref=model, at=now, missing=missing)
    if not any(typed):
        return None
    if not all(_PRICE.fullmatch(one) for one in typed):
        raise invalid("Give both prices in US dollars per million tokens, such as 3 or 0.25.")
    try:
        rates = TokenRates(picousd_per_token(Decimal(typed[0])), None, None, None, picousd_per_token(Decimal(typed[1])))
    except ValueError:
        raise invalid(f"A price must be at most {MAX_PICOUSD_PER_TOKEN // 1_000_000} USD per million tokens.") from None
    return Target(at=now, given=((0, rates),), missing=missing)


def _providers(prices: ListPrices, own: Sequence[OwnRate]) -> list[str]:
    return sorted({rate.provider for rate in prices.rates} | {one.rate.provider for one in own})


def _by_provider(known: Sequence[tuple[str, str]]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return models by provider, with their values in the form."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for provider, model in known:
        groups.setdefault(provider_words(provider), []).append((f"{provider}/{model}", model))
    return sorted(groups.items())
