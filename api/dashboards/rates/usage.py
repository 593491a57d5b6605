"""Usage added up for repricing: requests told apart by what a price depends on, and by nothing else.

Belongs here: reading it once a build and filter. Does not belong here: prices and what they come to (`what_if`).

A price depends on the tier, on the band of context a request is in, and on which kinds of tokens it has, for a kind
without a price leaves the whole request without one. It multiplies sums: a few hundred rows say as much about a month
as its millions of requests, whatever prices are tried on them next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api.dashboards.queries import conditions
from api.dashboards.queries.asking import METERED
from api.dashboards.rates.cells import KINDS, TOTAL_INPUT
from api.dashboards.view import View

_SUMS: Final = ", ".join(f"sum({tokens})::hugeint" for _, tokens in KINDS)
_PRESENT: Final = " + ".join(f"if({tokens} = 0, 0, {1 << place})" for place, (_, tokens) in enumerate(KINDS))


@dataclass(frozen=True, slots=True)
class Used:
    """Sums of metered requests alike, in the order the statement gives them.

    Attributes:
        context_start: least input of the band they are in.
        kinds_present: which kinds of tokens each of them has, a bit for each of `KINDS`.
        is_priced: whether our own rate book has a price for each of them.
        tokens: by kind, in the order of `KINDS`.
        unpriced_requests: those whose logged cost is unknown.
        priced_picousd: by our own rate book.
    """

    provider: str
    model: str
    service_tier: str
    context_start: int
    kinds_present: int
    is_priced: bool
    requests: int
    tokens: tuple[int, ...]
    logged_millicents: int
    unpriced_requests: int
    priced_picousd: int


def usage(view: View, starts: Sequence[int]) -> Sequence[Used]:
    """Return the view's metered usage, read once a build and filter.

    Args:
        view: its filter and period say of what.
        starts: least input of each band of context but the first, in order.
    """
    held, build_id, filters, span = view.marts.held, view.build_id, view.filters, view.period.current
    if held is None or build_id is None:
        return _read(view, starts)
    asked = (
        span.starts_at, span.ends_at, filters.providers, filters.models, filters.projects, filters.devices,
        tuple(starts),
    )  # fmt: skip
    return held.usage(build_id, view.workspace_id, asked, lambda: _read(view, starts))


def _read(view: View, starts: Sequence[int]) -> Sequence[Used]:
    period = view.period.current
    where, parameters = conditions.joined(
        conditions.workspace(view.workspace_id),
        conditions.fact_span(period.starts_at, period.ends_at),
        conditions.rail(view.filters),
        ([conditions.VISIBLE, "spend_kind = $metered"], {"metered": METERED}),
    )
    statement = f"""
        select
            provider, model, service_tier, {_band(starts)} as context_start, {_PRESENT} as kinds_present,
            cost_priced_picousd is not null as is_priced, count(*), {_SUMS},
            coalesce(sum(cost_logged_millicents), 0)::hugeint,
            count(*) - count(cost_logged_millicents),
            coalesce(sum(cost_priced_picousd), 0)::hugeint
        from fct_requests
        where {where}
        group by all
    """  # noqa: S608 - fixed fragments; every value is a parameter
    bands = {f"context_{number}": start for number, start in enumerate(starts)}
    return [
        Used(*row[:7], tokens=row[7 : 7 + len(KINDS)], logged_millicents=row[-3], unpriced_requests=row[-2],
             priced_picousd=row[-1])
        for row in view.marts.rows(statement, {**parameters, **bands})
    ]  # fmt: skip


def _band(starts: Sequence[int]) -> str:
    whens = " ".join(
        f"when {TOTAL_INPUT} >= $context_{number}::bigint then $context_{number}::bigint"
        for number in reversed(range(len(starts)))
    )
    return f"case {whens} else 0::bigint end" if whens else "0::bigint"
