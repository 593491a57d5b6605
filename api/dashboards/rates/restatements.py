"""What a month's priced total was said to be, and what it is now, by cause.

Belongs here: pricing a month by the rate book as it was known at an instant and as it is known now. Does not belong
here: writing down what was said (`api.repricing`), closed months' own figures (`api.closes`), bills that were restated
(`dbt_project`, `mart_restatements`).

Said: the requests received up to the instant, priced by what was known then. Now: all requests, priced by what is known
now. The causes add up to the difference exactly, for each request's change has exactly one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from api.closes.figures import next_month
from api.dashboards.money import usd_from_picousd
from api.dashboards.queries import conditions
from api.dashboards.queries.asking import METERED
from api.dashboards.queries.marts import Marts
from api.dashboards.rates.book import ListPrices, OwnRate, known_rates
from api.dashboards.rates.cells import TOTAL_INPUT, Named, cells_of, cells_sql, priced_sql
from api.dashboards.rates.models import Cause, RestatedPart, RestatementAnswer
from api.dashboards.shown import build_fields
from api.dashboards.view import View
from pipelines.lake.clock import iso_utc

NOT_KNOWN: Final = (
    "Requests that retention has deleted since are in neither total.",
    "List prices that the price data held then and holds no more are taken as if nobody had known them.",
    "Names of models lead to the priced models they lead to now.",
    "Requests count as received when their batch was; a build begins a little later than its name says.",
)


@dataclass(frozen=True, slots=True)
class Prices:
    """What requests are priced by.

    Attributes:
        listed: everyone's prices.
        own: every rate the workspace ever negotiated.
        names: which priced model each provider's model name leads to.
    """

    listed: ListPrices
    own: Sequence[OwnRate]
    names: Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Then:
    """What the present is compared with.

    Attributes:
        known_at: prices were known until then.
        max_file_seq: newest landing file that was counted; None: what had been received at `known_at` was.
    """

    known_at: datetime
    max_file_seq: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Requests of one model that changed in one way."""

    provider: str
    model: str
    is_late: bool
    then_rate: str | None
    then_own: bool | None
    now_rate: str | None
    now_own: bool | None
    requests: int
    then_picousd: int
    then_unpriced: int
    now_picousd: int
    now_unpriced: int
    built_picousd: int
    built_unpriced: int

    @property
    def cause(self) -> Cause | None:
        """Why its price is another one; None when it is not."""
        if self.is_late:
            return "late_requests"
        if self.then_rate == self.now_rate:
            return None
        if self.then_rate is None:
            return "negotiated_rate_changed" if self.now_own else "new_rate_known"
        if self.then_own or self.now_own:
            return "negotiated_rate_changed"
        return "list_rate_gone" if self.now_rate is None else "list_rate_changed"

    @property
    def is_as_built(self) -> bool:
        """Whether the build's own prices are the present ones."""
        return (self.now_picousd, self.now_unpriced) == (self.built_picousd, self.built_unpriced)


def restatement(
    view: View,
    prices: ListPrices,
    own: Sequence[OwnRate],
    names: Mapping[tuple[str, str], str],
    month: date,
    known_at: datetime,
) -> RestatementAnswer:
    """Return what a month in UTC was said to cost at an instant, and what it costs now, by cause and model."""
    by = Prices(prices, own, names)
    groups = month_groups(view.marts, view.workspace_id, by, month, Then(known_at), view.now)
    of_said = [group for group in groups if not group.is_late]
    parts: defaultdict[tuple[Cause, str, str], list[Group]] = defaultdict(list)
    for group in groups:
        if (cause := group.cause) is not None:
            parts[cause, group.provider, group.model].append(group)
    said = sum(group.then_picousd for group in of_said)
    now = sum(group.now_picousd for group in groups)
    return RestatementAnswer(
        **build_fields(view),
        month=month.isoformat()[:7],
        known_at=iso_utc(known_at),
        rate_book_version=prices.version,
        said_usd=usd_from_picousd(said),
        said_requests=sum(group.requests for group in of_said),
        said_unpriced_requests=sum(group.then_unpriced for group in of_said),
        now_usd=usd_from_picousd(now),
        now_requests=sum(group.requests for group in groups),
        now_unpriced_requests=sum(group.now_unpriced for group in groups),
        change_usd=usd_from_picousd(now - said),
        as_built=all(group.is_as_built for group in groups),
        parts=[_part(key, some) for key, some in sorted(parts.items())],
        not_known=list(NOT_KNOWN),
    )


def _part(key: tuple[Cause, str, str], groups: Sequence[Group]) -> RestatedPart:
    before = 0 if key[0] == "late_requests" else sum(group.then_picousd for group in groups)
    after = sum(group.now_picousd for group in groups)
    return RestatedPart(
        cause=key[0],
        provider=key[1],
        model=key[2],
        requests=sum(group.requests for group in groups),
        said_usd=usd_from_picousd(before),
        now_usd=usd_from_picousd(after),
        change_usd=usd_from_picousd(after - before),
    )


def month_groups(marts: Marts, workspace_id: str, by: Prices, month: date, then: Then, now: datetime) -> list[Group]:
    """Return a month's metered requests, each in one group, priced as was known then and as is known now.

    Args:
        marts: the build that is read.
        workspace_id: whose requests.
        by: what they are priced by.
        month: its first day; months are in UTC.
        then: what was known.
        now: prices known until this instant are the present ones.
    """
    where, parameters = conditions.joined(
        conditions.workspace(workspace_id),
        conditions.fact_span(_midnight(month), _midnight(next_month(month))),
        (["spend_kind = $metered"], {"metered": METERED}),
    )
    used = marts.rows(f"select distinct provider, model from fct_requests where {where}", parameters)  # noqa: S608
    models = [Named(one, model, by.names[one, model]) for one, model in used if (one, model) in by.names]
    cells = {
        name: cells_of(known_rates(by.listed, by.own, at), models, by.listed.tiers, workspace_id)
        for name, at in (("then_cells", then.known_at), ("now_cells", now))
    }
    late = "received_at > $counted" if then.max_file_seq is None else "file_seq > $counted"
    counted = conditions.naive_utc(then.known_at) if then.max_file_seq is None else then.max_file_seq
    rows = marts.rows(_statement(where, late), {**parameters, **cells, "counted": counted})
    return [Group(*row[:8], *(int(value) for value in row[8:])) for row in rows]


def _statement(where: str, late: str) -> str:
    def joined(cells: str) -> str:
        return f"""
            left join {cells}
                on requests.provider = {cells}.provider
                and requests.model = {cells}.model
                and requests.service_tier = {cells}.service_tier
                and requests.requested_at >= {cells}.valid_from
                and requests.requested_at < {cells}.valid_to
                and requests.total_input_tokens >= {cells}.context_from
                and requests.total_input_tokens < {cells}.context_until
        """

    return f"""
        with then_cells as ({cells_sql("then_cells")}),
        now_cells as ({cells_sql("now_cells")}),
        requests as (
            select *, {TOTAL_INPUT} as total_input_tokens, {late} as is_late
            from fct_requests where {where}
        ),
        priced as (
            select
                requests.provider, requests.model, requests.is_late, requests.cost_priced_picousd,
                then_cells.rate_id as then_rate, then_cells.negotiated as then_own,
                now_cells.rate_id as now_rate, now_cells.negotiated as now_own,
                {priced_sql("requests", "then_cells")} as then_picousd,
                {priced_sql("requests", "now_cells")} as now_picousd
            from requests
            {joined("then_cells")}
            {joined("now_cells")}
        )
        select
            provider, model, is_late, then_rate, then_own, now_rate, now_own, count(*),
            coalesce(sum(then_picousd), 0)::hugeint, count(*) filter (where then_picousd is null),
            coalesce(sum(now_picousd), 0)::hugeint, count(*) filter (where now_picousd is null),
            coalesce(sum(cost_priced_picousd), 0)::hugeint, count(*) filter (where cost_priced_picousd is null)
        from priced
        group by all
    """  # noqa: S608 - fixed fragments; every value is a parameter


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
