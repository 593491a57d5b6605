"""What the page of cost centres shows: spend rolled up, and what projects are charged on at.

Belongs here: columns, the chart, and the rows behind them. Does not belong here: routes and forms (`cost_centres`),
sums (`api.dashboards.cost_centres`, `api.dashboards.chargeback`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from api.dashboards.chargeback import chargeback
from api.dashboards.cost_centres import cost_centre_list
from api.dashboards.models.cost_centres import CostCentreSpend
from api.dashboards.models.executive import ChargebackAnswer, ChargedCentre, ChargedProject
from api.pages.dashboard import Asked, Drawn, chart_source, table_source
from api.pages.spend_columns import change_column, requests_column, share_column, spend_columns
from api.pages.tables import Column, Table
from api.pages.words import counted, usd

CENTRES_DRAWN: Final = 12
"""Most bars; the table beside has all."""
_BASES: Final = {"markup": "mark-up", "hourly_rate": "hourly rate", "at_cost": "at cost"}

COST_CENTRES: Final = Table(
    "cost-centres",
    "Spend by cost centre",
    (
        Column(
            "cost_centre",
            "Cost centre",
            lambda one: one.name,
            link=lambda one: f"#centre-{one.cost_centre or ''}",
            note=lambda one: counted(len(one.projects), "project"),
            badge=lambda one: ("unassigned", "warn") if one.cost_centre is None else _archived(one),
            also={"slug": lambda one: one.cost_centre, "projects": lambda one: len(one.projects)},
        ),
        *spend_columns(),
        share_column(),
        Column("previous_cost_usd", "Period before", lambda one: one.previous_cost_usd, "money"),
        change_column(),
        requests_column(),
    ),
    "No cost centre.",
)
CHARGEBACK: Final = Table(
    "chargeback",
    "What each project is charged",
    (
        Column(
            "project",
            "Project",
            lambda row: row[1].display_name or row[1].project,
            link=lambda row: row[1].path,
            note=lambda row: row[1].client_name and f"for {row[1].client_name}",
            also={"slug": lambda row: row[1].project, "client": lambda row: row[1].client_name},
        ),
        Column("cost_centre", "Cost centre", lambda row: row[0].name),
        *(column.of(lambda row: row[1]) for column in spend_columns()),
        Column("basis", "Charged by", lambda row: _basis_words(row[1]), also={"basis_kind": lambda row: row[1].basis}),
        Column(
            "markup_usd",
            "Mark-up",
            lambda row: row[1].markup_usd if row[1].basis == "markup" else None,
            "money",
            note=lambda row: f"{row[1].markup_percent} %" if row[1].basis == "markup" else None,
            also={"markup_percent": lambda row: row[1].markup_percent},
        ),
        Column(
            "charge_usd",
            "Charge",
            lambda row: None if row[1].basis == "hourly_rate" else row[1].charge_usd,
            "money",
            note=lambda row: "by its hours" if row[1].basis == "hourly_rate" else None,
            also={
                "hourly_rate": lambda row: row[1].hourly_rate and row[1].hourly_rate.amount,
                "currency": lambda row: row[1].hourly_rate and row[1].hourly_rate.currency,
                "hours_of_cost": lambda row: row[1].hourly_rate and row[1].hourly_rate.hours_of_cost,
            },
        ),
    ),
    "No project has spend in this period.",
)


def charged(answer: ChargebackAnswer) -> list[tuple[ChargedCentre, ChargedProject]]:
    """Return every project that is charged on, with its centre."""
    return [(centre, project) for centre in answer.cost_centres for project in centre.projects]


@table_source(COST_CENTRES)
def centre_rows(asked: Asked) -> Sequence[CostCentreSpend]:
    """Return all cost centres."""
    with asked.viewing() as view:
        return cost_centre_list(view).cost_centres


@table_source(CHARGEBACK)
def charged_rows(asked: Asked) -> Sequence[tuple[ChargedCentre, ChargedProject]]:
    """Return what every project is charged on at."""
    with asked.viewing() as view:
        return charged(chargeback(view))


@chart_source("cost-centres")
def centres_chart(asked: Asked) -> Drawn:
    """Return the largest cost centres, what is unassigned among them."""
    with asked.viewing() as view:
        return Drawn(centres_drawn(cost_centre_list(view).cost_centres))


def centres_drawn(rows: Iterable[CostCentreSpend]) -> list[dict[str, Any]]:
    """Return the rows of `cost-centres`."""
    return [
        {
            "name": one.name,
            "cost_usd": float(one.cost_usd),
            "share": f"{usd(one.cost_usd)} · {one.share_percent} %" if one.share_percent else usd(one.cost_usd),
        }
        for one in rows
        if one.requests
    ][:CENTRES_DRAWN]


def centres_summary(rows: Iterable[CostCentreSpend]) -> str:
    """Return what the chart shows, in a sentence."""
    said = ", ".join(f"{one.name} {usd(one.cost_usd)}" for one in rows if one.requests)
    return f"Spend by cost centre: {said}." if said else "No spend in this period."


def _archived(one: CostCentreSpend) -> tuple[str, str] | None:
    return ("archived", "") if one.archived else None


def _basis_words(one: ChargedProject) -> str:
    rate = one.hourly_rate
    if one.basis != "hourly_rate" or rate is None:
        return _BASES[one.basis]
    hours = f"; the spend is {rate.hours_of_cost} hours of it" if rate.hours_of_cost else ""
    return f"{rate.amount} {rate.currency} an hour{hours}"
