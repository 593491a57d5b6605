"""What a report may be asked for, and what that means once it is written down.

Belongs here: the message, its checks that need no database, and the days it means. Does not belong here: storing it
(`issuing`), figures (`figures`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from api.access.text import checked_name
from api.currencies import checked_currency
from api.dashboards.filters import FIRST_DAY, LAST_DAY
from api.dashboards.periods import DAY, Period, RangeName, local_day, month_start, resolve
from api.errors import Refused, invalid
from api.projects.settings import MARKUP_MAX

DAYS_MAX: Final = 366
"""Longest period of a report."""
HOURS_MAX: Final = 10_000
_RATE: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,10})?")
_HOURS: Final = re.compile(r"[0-9]{1,5}(\.[0-9]{1,2})?")


class ReportKind(StrEnum):
    """Kinds of reports."""

    PROJECT = "project"
    EXECUTIVE = "executive"
    STATEMENT = "statement"


KIND_WORDS: Final = {
    ReportKind.PROJECT: "Project report",
    ReportKind.EXECUTIVE: "Executive summary",
    ReportKind.STATEMENT: "Client statement",
}


class ReportAsked(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A report to be made."""

    kind: Literal["project", "executive", "statement"]
    period: Literal["this_month", "last_month", "custom"] = "last_month"
    first_day: Annotated[date | None, Meta(description="Of a custom period.")] = msgspec.field(
        default=None, name="from"
    )
    last_day: Annotated[date | None, Meta(description="Of a custom period, included.")] = msgspec.field(
        default=None, name="to"
    )
    project: Annotated[str | None, Meta(description="Slug; for a project report.")] = None
    client: Annotated[str | None, Meta(description="Client's name as on its projects; for a statement.")] = None
    charge: Annotated[
        Literal["project_settings", "markup", "hours"],
        Meta(
            description="A statement's amounts: cost with each project's own mark-up; cost with one mark-up for all; "
            "or hours at each project's hourly rate, spend shown for information."
        ),
    ] = "project_settings"
    markup_basis_points: Annotated[int | None, Meta(description="For `markup`: 1,500 is 15 %.")] = None
    hours: Annotated[dict[str, str], Meta(description="For `hours`: hours by project, at most 2 decimals.")] = {}
    currency: Annotated[str, Meta(description="ISO 4217, of a statement's amounts.")] = "USD"
    exchange_rate: Annotated[
        str | None, Meta(description="Units of the currency for 1 USD, exact decimal text; needed unless it is USD.")
    ] = None
    exchange_rate_source: Annotated[str | None, Meta(description="Who published the rate.")] = None
    exchange_rate_date: Annotated[date | None, Meta(description="The day it was published for.")] = None


@dataclass(frozen=True, slots=True)
class Days:
    """The days a report covers.

    Attributes:
        range: name of the range, as the filter rail has it.
        first_day: local day in the workspace's zone.
        last_day: included; today for a running month.
    """

    range: RangeName
    first_day: date
    last_day: date

    def period(self, at: datetime, time_zone: str) -> Period:
        """Return the period as views know it, with the one before it; `at` is when the report was asked for."""
        if self.range is RangeName.CUSTOM:
            return resolve(self.range, self.first_day, self.last_day, at, time_zone)
        return resolve(self.range, None, None, at, time_zone)


def checked(asked: ReportAsked) -> ReportAsked:
    """Return a request for a report whose fields go together.

    Raises:
        Refused: 422 `invalid_report`, or the code of the field that is wrong.
    """
    kind = ReportKind(asked.kind)
    if kind is ReportKind.PROJECT:
        _require(bool(asked.project), "Choose the project this report is about.")
    else:
        _require(not asked.project, "Only a project report is about a project.")
    if kind is ReportKind.STATEMENT:
        _require(bool(asked.client), "Choose the client this statement is for.")
    else:
        _require(not asked.client, "Only a statement is for a client.")
    days = asked.first_day, asked.last_day
    if asked.period == "custom":
        _require(None not in days, "Give the first and the last day of the period.")
    else:
        _require(days == (None, None), "A first and a last day go with a custom period only.")
    if asked.first_day is not None and asked.last_day is not None:
        _require(asked.first_day <= asked.last_day, "The first day of the period must not be after its last.")
        _require(asked.first_day >= FIRST_DAY and asked.last_day <= LAST_DAY, "The period is out of range.")
        _require(asked.last_day - asked.first_day < DAYS_MAX * DAY, f"A report covers {DAYS_MAX} days at most.")
    if kind is not ReportKind.STATEMENT:
        plain = ReportAsked(kind=asked.kind, period=asked.period, first_day=asked.first_day, last_day=asked.last_day)
        _require(msgspec.structs.replace(asked, project=None) == plain, "Only a statement has prices and currencies.")
        return asked
    checked_name(asked.client or "", what="client")
    return _checked_charge(asked)


def meant_days(asked: ReportAsked, at: datetime, time_zone: str) -> Days:
    """Return the days a report means when it is asked for at an instant: a running month ends today.

    Raises:
        Refused: 422 the period has not begun.
    """
    today = local_day(at, time_zone)
    name = RangeName(asked.period)
    if asked.first_day is not None and asked.last_day is not None:
        _require(asked.first_day <= today, "The period has not begun yet.")
        return Days(name, asked.first_day, asked.last_day)
    if name is RangeName.THIS_MONTH:
        return Days(name, month_start(today), today)
    last = month_start(today) - DAY
    return Days(name, month_start(last), last)


def rate_of(asked: ReportAsked) -> Decimal:
    """Return how many units of a statement's currency a US dollar is."""
    return Decimal(asked.exchange_rate) if asked.exchange_rate else Decimal(1)


def as_document(asked: ReportAsked) -> dict[str, Any]:
    """Return a request as plain JSON values."""
    plain: dict[str, Any] = msgspec.to_builtins(asked)
    return plain


def _checked_charge(asked: ReportAsked) -> ReportAsked:
    by_markup, by_hours = asked.charge == "markup", asked.charge == "hours"
    if by_markup:
        _require(asked.markup_basis_points is not None, "Give the mark-up for all, in percent.")
    else:
        _require(asked.markup_basis_points is None, "A mark-up for all goes with charging by it only.")
    if asked.markup_basis_points is not None:
        _require(0 <= asked.markup_basis_points <= MARKUP_MAX, "The mark-up must be from 0 to 1000 %.")
    _require(by_hours == bool(asked.hours), "Charging by the hour needs hours of at least one project.")
    for hours in asked.hours.values():
        wrong = "Hours must be a number from 0 to 10000 with at most 2 decimals."
        _require(_HOURS.fullmatch(hours) is not None and Decimal(hours) <= HOURS_MAX, wrong)
    checked_currency(asked.currency)
    converted = asked.currency != "USD" and not by_hours
    given = (asked.exchange_rate, asked.exchange_rate_source, asked.exchange_rate_date)
    if not converted:
        _require(given == (None, None, None), "Nothing is converted: leave the exchange rate out.")
        return asked
    _require(all(given), "Another currency than USD needs its rate, who published it, and for which day.")
    rate = asked.exchange_rate or ""
    _require(bool(_RATE.fullmatch(rate)) and Decimal(rate) > 0, "The exchange rate must be a positive number.")
    checked_name(asked.exchange_rate_source or "", what="source of the rate")
    return asked


def _require(holds: bool, sentence: str) -> None:  # noqa: FBT001 - it is what is asserted
    if not holds:
        raise _invalid(sentence)


def _invalid(sentence: str) -> Refused:
    return invalid(sentence, code="invalid_report")
