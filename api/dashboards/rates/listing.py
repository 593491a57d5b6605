"""The rate book as it applies to one workspace.

Belongs here: which rates are shown. Does not belong here: reading them (`book`), their order and pages (`paging`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import itemgetter

from api.dashboards.rates.book import ListPrices, OwnRate
from api.dashboards.rates.cells import KINDS
from api.dashboards.rates.models import Prices, RatesAnswer, RateShown
from api.dashboards.rates.paging import RatePage, encode_place, place_of
from pipelines.billing.amounts import amount_text
from pipelines.lake.clock import iso_utc
from pipelines.lake.rate_book import UNTIL_FURTHER_NOTICE, Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedRates:
    """Which rates are asked for.

    Attributes:
        provider: of this one only.
        model_ref: of this model only.
        at: in force at this instant, aware.
        history: those of other times, and own ones that were superseded or withdrawn, as well.
    """

    at: datetime
    provider: str | None = None
    model_ref: str | None = None
    history: bool = False


def rate_list(
    slug: str, prices: ListPrices, own: Sequence[OwnRate], wanted: WantedRates, page: RatePage
) -> RatesAnswer:
    """Return one page of the rates that are asked for."""
    everything = [(rate, None) for rate in prices.rates] + [(one.rate, one) for one in own]
    placed = [(place_of(rate, one), rate, one) for rate, one in everything if _is_wanted(rate, one, wanted)]
    found = [one for one in placed if page.after is None or one[0] > page.after]
    found.sort(key=itemgetter(0))
    rows = found[: page.limit]
    return RatesAnswer(
        workspace=slug,
        at=iso_utc(wanted.at),
        history=wanted.history,
        rate_book_version=prices.version,
        changed_at=prices.changed_at,
        rates=[_shown(rate, one) for _, rate, one in rows],
        limit=page.limit,
        next_cursor=encode_place(rows[-1][0]) if len(found) > page.limit else None,
    )


def usd_per_million(picousd_per_token: int | None) -> str | None:
    """Return a price as USD per million tokens, exactly."""
    return None if picousd_per_token is None else amount_text(Decimal(picousd_per_token).scaleb(-6))


def _is_wanted(rate: Rate, own: OwnRate | None, wanted: WantedRates) -> bool:
    if wanted.provider not in {None, rate.provider} or wanted.model_ref not in {None, rate.model_ref}:
        return False
    return wanted.history or (rate.applies_at(wanted.at) and (own is None or own.withdrawn_at is None))


def _shown(rate: Rate, own: OwnRate | None) -> RateShown:
    return RateShown(
        rate_id=rate.rate_id,
        scope="list" if own is None else "negotiated",
        provider=rate.provider,
        model_ref=rate.model_ref,
        service_tier=rate.service_tier,
        context_over_tokens=rate.context_over_tokens,
        valid_from=iso_utc(rate.valid_from),
        valid_to=None if rate.valid_to == UNTIL_FURTHER_NOTICE else iso_utc(rate.valid_to),
        known_from=iso_utc(rate.known_from),
        withdrawn_at=None if own is None or own.withdrawn_at is None else iso_utc(own.withdrawn_at),
        source=rate.source,
        note="" if own is None else own.note,
        usd_per_million_tokens=Prices(**{kind: usd_per_million(getattr(rate.rates, kind)) for kind, _ in KINDS}),
    )
