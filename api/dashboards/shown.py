"""Sums as answers show them.

Belongs here: integers of `Measures` turned into the fields of `models.answer`, once for all views. Does not belong
here: one view's own parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TypedDict, TypeVar

from api.dashboards.filters import Filters
from api.dashboards.measures import NOTHING, M, Measures, Money, total
from api.dashboards.models.answer import FiltersShown, PeriodShown, TokenKinds, Totals
from api.dashboards.money import usd_from_millicents, usd_from_picousd, usd_per_request
from api.dashboards.periods import DAY, Span
from api.dashboards.view import View, shown_instant

K = TypeVar("K")


class SpendFields(TypedDict):
    """Fields of `Spend`."""

    cost_usd: str
    subscription_imputed_usd: str
    imported_usd: str
    other_basis_usd: str
    requests: int
    unpriced_requests: int


class BuildFields(TypedDict):
    """Fields of `BuildStamp`."""

    workspace: str
    build_id: str | None
    data_as_of: str | None
    stale: bool
    time_zone: str


class AnswerFields(BuildFields):
    """Fields of `Answer`."""

    period: PeriodShown
    filters: FiltersShown
    totals: Totals
    withheld_requests: int


def spend_fields(measures: Money) -> SpendFields:
    """Return the monies and counts of some requests."""
    return SpendFields(
        cost_usd=usd_from_millicents(measures.metered_millicents),
        subscription_imputed_usd=usd_from_millicents(measures.imputed_millicents),
        imported_usd=usd_from_millicents(measures.imported_millicents),
        other_basis_usd=usd_from_millicents(measures.other_millicents),
        requests=measures.requests,
        unpriced_requests=measures.unpriced_requests,
    )


def token_kinds(measures: Measures) -> TokenKinds:
    """Return the five disjoint kinds of tokens."""
    return TokenKinds(
        uncached_input=measures.uncached_input_tokens,
        cache_read=measures.cache_read_tokens,
        cache_write_5m=measures.cache_write_5m_tokens,
        cache_write_1h=measures.cache_write_1h_tokens,
        output=measures.billable_output_tokens,
    )


def totals(measures: Measures) -> Totals:
    """Return sums with all their columns."""
    return Totals(
        **spend_fields(measures),
        unrated_requests=measures.unrated_requests,
        error_requests=measures.error_requests,
        cost_priced_usd=usd_from_picousd(measures.metered_picousd),
        input_tokens=measures.input_tokens,
        output_tokens=measures.output_tokens,
        thinking_tokens=measures.thinking_tokens,
        cached_tokens=measures.cached_tokens,
        cache_write_tokens=measures.cache_write_tokens,
        tokens=token_kinds(measures),
    )


def cost_per_request(measures: Money) -> str | None:
    """Return metered spend by metered request of known cost."""
    return usd_per_request(measures.metered_millicents, measures.priced_metered_requests)


def build_fields(view: View) -> BuildFields:
    """Return what an answer says about the build it was read from."""
    return BuildFields(
        workspace=view.reader.slug,
        build_id=view.build_id,
        data_as_of=view.data_as_of,
        stale=view.standing.stale,
        time_zone=view.time_zone,
    )


def answer_fields(view: View, sums: Iterable[Measures] | None = None) -> AnswerFields:
    """Return what every answer says about itself; `sums`, when at hand, are disjoint and cover the period."""
    parts = view.spend().values() if sums is None else sums
    return AnswerFields(
        **build_fields(view),
        period=_period(view.period.current),
        filters=filters_shown(view.filters),
        totals=totals(total(parts, NOTHING)),
        withheld_requests=sum(rows.requests for rows in view.withheld()),
    )


def filters_shown(filters: Filters) -> FiltersShown:
    """Return a filter in its normal form."""
    return FiltersShown(
        range=filters.range.value,
        from_day=filters.first_day,
        to_day=filters.last_day,
        provider=list(filters.providers),
        model=list(filters.models),
        project=list(filters.chosen_projects),
        device=list(filters.devices),
        cost_center=list(filters.cost_centers),
        query_string=filters.query_string(),
    )


def ranked(sums: Mapping[K, M], names: Mapping[K, str | None] | None = None) -> list[tuple[K, M]]:
    """Return sums by metered spend, then requests, largest first, then by name where there is one, then by key."""
    names = names or {}

    def place(item: tuple[K, M]) -> tuple[int, int, tuple[str, str]]:
        key, sums_of_key = item
        return -sums_of_key.metered_millicents, -sums_of_key.requests, name_order(names.get(key), str(key))

    return sorted(sums.items(), key=place)


def name_order(name: str | None, key: str) -> tuple[str, str]:
    """Return what to sort by so that people find a name: ids are random and say nothing to them."""
    return (name or "").casefold(), key


def listed_days(span: Span, today: date, with_requests: Iterable[date]) -> list[date]:
    """Return the span's days up to today, and later ones only where a laptop's clock ran ahead."""
    end = max(span.first_day, min(span.end_day, today + DAY))
    days = [span.first_day + number * DAY for number in range((end - span.first_day).days)]
    return days + sorted(day for day in set(with_requests) if day >= end)


def _period(span: Span) -> PeriodShown:
    return PeriodShown(
        first_day=span.first_day,
        last_day=span.end_day - DAY,
        starts_at=shown_instant(span.starts_at),
        ends_at=shown_instant(span.ends_at),
    )
