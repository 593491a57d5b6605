"""HTTP of rates.

Belongs here: the routes and their parameters. Does not belong here: the views (the modules beside), entering own rates
(`halton-cloud rate`).
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import WithJsonSchema

from api.access.callers import ReadWorkspace
from api.answers import json_answer, message_body
from api.bills.routes import month_days
from api.dashboards.filters import FilterError, Filters
from api.dashboards.parameters import RailCall, checked_limit, refused
from api.dashboards.rates.book import list_prices, model_names, own_rates
from api.dashboards.rates.listing import WantedRates, rate_list
from api.dashboards.rates.models import (
    RATES,
    REPRICED,
    RESTATED,
    WHAT_IF,
    GivenRates,
    RatesAnswer,
    RestatementAnswer,
    WhatIf,
    WhatIfAnswer,
)
from api.dashboards.rates.paging import CURSOR_LENGTH_MAX, RatePage, parse_place
from api.dashboards.rates.restatements import restatement
from api.dashboards.rates.what_if import Target, what_if
from api.dashboards.requests import LIMIT_DEFAULT, LIMIT_MAX
from api.dashboards.serving import Call, viewing
from api.db.session import reading
from api.errors import invalid
from api.openapi import describe
from pipelines.lake.catalog import build_instant
from pipelines.lake.rate_book import MAX_PICOUSD_PER_TOKEN, TokenRates, picousd_per_token

router = APIRouter(prefix="/v1/{workspace}/rates", tags=["rates"])

_PARAMETERS: Final = frozenset({"provider", "model", "at", "history", "limit", "cursor"})
_RESTATED: Final = frozenset({"month", "known_at", "build_id"})
_BUILD: Final = re.compile(r"b[0-9]{8}T[0-9]{6}-[0-9a-f]{8}", re.ASCII)
_INSTANT: Final[dict[str, Any]] = {"type": "string", "format": "date-time"}
_LIMIT: Final[dict[str, Any]] = {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT}
_CURSOR: Final[dict[str, Any]] = {"type": "string", "maxLength": CURSOR_LENGTH_MAX}


@router.get(
    "",
    **describe(
        "Rates",
        answer=RatesAnswer,
        example=RATES,
        answer_description="The rates",
        refusals=(403, 404, 422),
        bearer="api_key",
    ),
)
def get_rates(
    request: Request,
    caller: ReadWorkspace,
    provider: Annotated[str | None, Query(description="One provider, as daemons name it.")] = None,
    model: Annotated[str | None, Query(description="One priced model, or a name of daemons that leads to it.")] = None,
    at: Annotated[
        str | None, WithJsonSchema(_INSTANT), Query(description="Rates in force at this instant; now when left out.")
    ] = None,
    history: Annotated[
        str | None, WithJsonSchema({"type": "string", "enum": ["1"]}), Query(description="Rates of all times.")
    ] = None,
    limit: Annotated[str | None, WithJsonSchema(_LIMIT), Query(description="Most rates of one page.")] = None,
    cursor: Annotated[
        str | None, WithJsonSchema(_CURSOR), Query(description="`next_cursor` of the page before.")
    ] = None,
) -> Response:
    """List everyone's prices and this workspace's own, each with its validity and since when it is known."""
    refuse_unknown(request, _PARAMETERS)
    try:
        page = RatePage(checked_limit(limit), parse_place(cursor))
    except FilterError as error:
        raise refused(error) from None
    if history not in {None, "1"}:
        raise invalid("history is 1 or left out.", code="invalid_filter")
    state = request.app.state
    instant = state.clock.now() if at is None else _instant(at)
    ref = None if model is None else model_names(state.home).get((provider or "", model), model)
    wanted = WantedRates(at=instant, provider=provider, model_ref=ref, history=history == "1")
    with reading(state.engine) as session:
        own = own_rates(session, caller.workspace_id)
    return json_answer(rate_list(caller.slug, list_prices(state.home), own, wanted, page))


@router.post(
    "/what-if",
    **describe(
        "Reprice usage",
        answer=WhatIfAnswer,
        example=REPRICED,
        answer_description="What it cost, and would have cost",
        message=WhatIf,
        message_example=WHAT_IF,
        refusals=(400, 403, 404, 413, 422),
        bearer="api_key",
    ),
)
def post_what_if(
    request: Request, call: RailCall, message: Annotated[WhatIf, Depends(message_body(WhatIf))]
) -> Response:
    """Reprice the filter's metered requests at another model's rates, or at given ones. Nothing is written.

    Tokens are taken as they were counted; another model would cut the same text into others.
    """
    state = request.app.state
    with reading(state.engine) as session:
        own = own_rates(session, call.reader.workspace_id)
    prices = list_prices(state.home)
    known = {(rate.provider, rate.model_ref) for rate in (*prices.rates, *(one.rate for one in own))}
    target = _target(message, known, model_names(state.home), state.clock.now())
    with viewing(call) as view:
        return json_answer(what_if(view, prices, own, target))


@router.get(
    "/restatements",
    **describe(
        "What learning of prices changed",
        answer=RestatementAnswer,
        example=RESTATED,
        answer_description="A month's priced total then and now",
        refusals=(403, 404, 422),
        bearer="api_key",
    ),
)
def get_restatements(
    request: Request,
    caller: ReadWorkspace,
    month: Annotated[str, Query(description="The month, in UTC.", examples=["2026-05"])] = "",
    known_at: Annotated[
        str | None, WithJsonSchema(_INSTANT), Query(description="What was known at this instant.")
    ] = None,
    build_id: Annotated[str | None, Query(description="Or: when this build of the marts was made.")] = None,
) -> Response:
    """Compare what a month's metered requests were priced at with what was known then, and with what is known now.

    By cause: requests that came in late, prices learned since, negotiated and list prices that changed.
    """
    refuse_unknown(request, _RESTATED)
    first = month_days(month)[0]
    if (known_at is None) == (build_id is None):
        raise invalid("Give either known_at or build_id.", code="invalid_filter")
    then = _instant(known_at) if known_at is not None else _made_at(build_id or "")
    state = request.app.state
    with reading(state.engine) as session:
        own = own_rates(session, caller.workspace_id)
    with viewing(Call(request, caller, Filters())) as view:
        prices, names = list_prices(state.home), model_names(state.home)
        return json_answer(restatement(view, prices, own, names, first, then))


def instant_or_build(text: str) -> tuple[datetime, str | None]:
    """Return the instant a text names, and the build where it names that.

    Raises:
        Refused: 422 it is neither.
    """
    return (_made_at(text), text) if text.startswith("b") else (_instant(text), None)


def _target(message: WhatIf, known: set[tuple[str, str]], names: Any, now: datetime) -> Target:
    has_model = message.provider is not None and message.model is not None
    if has_model == (message.rates is not None) or (message.provider is None) != (message.model is None):
        raise invalid("Give either a provider and a model, or rates.")
    if message.rates is not None:
        if message.at is not None:
            raise invalid("An instant goes with a model only.")
        given = tuple((band.context_over_tokens, _rates(band)) for band in message.rates)
        overs = [over for over, _ in given]
        if len(set(overs)) != len(overs) or 0 not in overs:
            raise invalid("Given rates need one for every call (context_over_tokens 0), and one per context at most.")
        return Target(at=now, given=given, missing=message.missing)
    provider, model = message.provider or "", message.model or ""
    ref = model if (provider, model) in known else names.get((provider, model))
    if ref is None or (provider, ref) not in known:
        raise invalid("The rate book knows no such model.", code="unknown_model")
    at = now if message.at is None else _instant(message.at)
    return Target(provider=provider, model_ref=ref, at=at, missing=message.missing)


def _rates(band: GivenRates) -> TokenRates:
    texts = (band.uncached_input, band.cache_read, band.cache_write_5m, band.cache_write_1h, band.output)
    return TokenRates(*(None if text is None else _price(text) for text in texts))


def _price(text: str) -> int:
    try:
        return picousd_per_token(Decimal(text))
    except ValueError:
        raise invalid(f"A price must be at most {MAX_PICOUSD_PER_TOKEN // 1_000_000} USD per million tokens.") from None


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
        aware = None if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        aware = None
    if aware is None:
        raise invalid("An instant is like 2026-06-01T09:00:00Z.", code="invalid_filter")
    return aware


def _made_at(build_id: str) -> datetime:
    if _BUILD.fullmatch(build_id):
        with suppress(ValueError):
            return build_instant(build_id)
    raise invalid("build_id must be the id of a build.", code="invalid_filter")


def refuse_unknown(request: Request, known: frozenset[str]) -> None:
    """Refuse a query string with a parameter the path does not take.

    Raises:
        Refused: 422 `unknown_parameter`.
    """
    if not known.issuperset(request.query_params.keys()):
        message = f"Unknown parameter; this path takes {', '.join(sorted(known))}."
        raise invalid(message, code="unknown_parameter")
