"""Figures of a client's statement: what each of its projects is charged.

Belongs here: charging by mark-up or by the hour, converting once per line, rounding once per line. Does not belong
here: the requests themselves (`requests.csv`), settings of projects (`api.projects`).

Only metered spend is charged. A line is rounded half-even to the currency's smallest coin, and the total is the sum of
the lines as they stand: whoever adds the statement up gets its total.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Any, Final

from api.currencies import PARTS_PER_UNIT, amount_text
from api.dashboards.chargeback import WHOLE, markup_millicents
from api.dashboards.control import projects
from api.dashboards.measures import NO_MONEY, Money, total
from api.dashboards.money import percent, usd_from_millicents
from api.dashboards.queries.asking import By
from api.dashboards.shown import ranked, spend_fields
from api.db.models import Project
from api.reports.asked import ReportAsked, rate_of
from api.reports.looking import Looked

_NO_CENTS: Final = frozenset({
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF",
})  # fmt: skip
_THREE_DIGITS: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


def coin_digits(currency: str) -> int:
    """Return how many decimals a currency's smallest coin has."""
    if currency in _NO_CENTS:
        return 0
    return 3 if currency in _THREE_DIGITS else 2


def statement_figures(looked: Looked, asked: ReportAsked) -> dict[str, Any]:
    """Return everything a statement says; the view's filter is on the client's projects already."""
    view = looked.view
    known = projects(view.engine, view.workspace_id)
    by_project = view.money(By.PROJECT)
    spent: dict[str, Money] = {slug: by_project.get((slug,), NO_MONEY) for slug in view.filters.projects}
    with localcontext(_EXACT):
        lines = [_line(asked, known[slug], sums) for slug, sums in ranked(spent) if _belongs(asked, slug, sums)]
        charged = sum((Decimal(line["charge"]) for line in lines), Decimal(0))
    return {
        "client": asked.client,
        "charge": asked.charge,
        "currency": asked.currency,
        "coin_digits": coin_digits(asked.currency),
        "exchange_rate": asked.exchange_rate,
        "exchange_rate_source": asked.exchange_rate_source,
        "exchange_rate_date": asked.exchange_rate_date.isoformat() if asked.exchange_rate_date else None,
        "markup_percent": _percent(asked.markup_basis_points),
        "lines": lines,
        "totals": {
            **spend_fields(total(spent.values(), NO_MONEY)),
            "markup_usd": usd_from_millicents(sum(_millicents(line["markup_usd"]) for line in lines)),
            "charge": _coins(charged, asked.currency),
        },
        "withheld_requests": sum(rows.requests for rows in view.withheld()),
    }


def _belongs(asked: ReportAsked, slug: str, sums: Money) -> bool:
    """A project without a request and without hours is no line."""
    return sums.requests > 0 or Decimal(asked.hours.get(slug, "0")) > 0


def _line(asked: ReportAsked, project: Project, sums: Money) -> dict[str, Any]:
    line: dict[str, Any] = {
        **spend_fields(sums),
        "project": project.slug,
        "display_name": project.display_name,
        "markup_percent": None,
        "markup_usd": usd_from_millicents(0),
        "hours": None,
        "hourly_rate": None,
    }
    if asked.charge == "hours":
        return {**line, **_by_hours(asked, project)}
    points = project.markup_basis_points if asked.charge == "project_settings" else asked.markup_basis_points
    markup = markup_millicents(sums.metered_millicents, points)
    charge = Decimal(sums.metered_millicents + markup) / PARTS_PER_UNIT * rate_of(asked)
    line.update(markup_percent=_percent(points), markup_usd=usd_from_millicents(markup))
    return {**line, "charge": _coins(charge, asked.currency)}


def _by_hours(asked: ReportAsked, project: Project) -> Mapping[str, Any]:
    hours = Decimal(asked.hours.get(project.slug, "0"))
    rate = project.hourly_rate_millicents if hours else None
    charge = hours * Decimal(rate or 0) / PARTS_PER_UNIT
    return {
        "hours": f"{hours:.2f}",
        "hourly_rate": None if rate is None else amount_text(rate),
        "charge": _coins(charge, asked.currency),
    }


def _coins(amount: Decimal, currency: str) -> str:
    """Return an amount rounded to the currency's smallest coin."""
    return f"{amount.quantize(Decimal(1).scaleb(-coin_digits(currency))):f}"


def _percent(basis_points: int | None) -> str | None:
    return None if basis_points is None else percent(basis_points, WHOLE)


def _millicents(usd: str) -> int:
    return int(Decimal(usd).scaleb(5))
