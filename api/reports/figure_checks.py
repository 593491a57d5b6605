"""Whether the figures of a report agree with one another.

Belongs here: adding up what a document says, and a statement's list of requests. Does not belong here: signatures and
digests (`prover`, `verifying`).

It needs nothing but the file: whoever was given one can do the same sums.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Any, Final

from api.reports.canonical import FORMAT

_PARTS: Final = ("cost_usd", "requests")
_CSV_FIELD_MAX: Final = 1 << 20


def figure_faults(document: Mapping[str, Any], requests_csv: bytes | None) -> list[str]:
    """Return what does not add up, in plain words; empty when everything does.

    Args:
        document: what the report says, from inside the PDF.
        requests_csv: a statement's list of requests, from inside the PDF.
    """
    try:
        if document["format"] != FORMAT:
            return ["the figures are in a format this release does not know"]
        with localcontext(Context(prec=60, rounding=ROUND_HALF_EVEN)):
            return list(_CHECKS[document["kind"]](document["figures"], requests_csv))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError, csv.Error):
        return ["the figures cannot be read"]


def _project(figures: Mapping[str, Any], _csv: bytes | None) -> Iterable[str]:
    totals = figures["totals"]
    for words, rows in (
        ("days", figures["spend_over_time"]["daily"]),
        ("weeks", figures["spend_over_time"]["weekly"]),
        ("months", figures["spend_over_time"]["monthly"]),
        ("models", figures["by_model"]),
        ("devices", figures["by_device"]),
    ):
        if not _adds_up(rows, totals):
            yield f"the {words} do not add up to the total"


def _executive(figures: Mapping[str, Any], _csv: bytes | None) -> Iterable[str]:
    change = figures["change"]
    if Decimal(change["cost_usd"]) != Decimal(figures["totals"]["cost_usd"]):
        yield "the spend compared is not the spend of the period"
    if Decimal(change["cost_usd"]) - Decimal(change["previous_cost_usd"]) != Decimal(change["change_usd"]):
        yield "the change is not the difference of the two periods"
    top = sum((Decimal(row["cost_usd"]) for row in figures["top_projects"]), Decimal(0))
    if top > Decimal(change["cost_usd"]):
        yield "the largest projects cost more than all together"
    for row in figures["reconciliation"]:
        if row["variance_usd"] is not None and row["billed_usd"] is not None:
            left = Decimal(row["logged_usd"]) - Decimal(row["awaiting_usd"]) - Decimal(row["billed_usd"])
            if left != Decimal(row["variance_usd"]):
                yield "a month's variance is not what was logged less what was billed"


def _statement(figures: Mapping[str, Any], requests_csv: bytes | None) -> Iterable[str]:
    totals, lines = figures["totals"], figures["lines"]
    if not _adds_up(lines, totals):
        yield "the projects do not add up to the total"
    if sum((Decimal(line["charge"]) for line in lines), Decimal(0)) != Decimal(totals["charge"]):
        yield "the amounts do not add up to the total"
    coin = Decimal(1).scaleb(-figures["coin_digits"])
    rate = Decimal(figures["exchange_rate"] or 1)
    for line in lines:
        if figures["charge"] == "hours":
            exact = Decimal(line["hours"]) * Decimal(line["hourly_rate"] or 0)
        else:
            cost, markup = Decimal(line["cost_usd"]), Decimal(line["markup_usd"])
            wanted = (cost * Decimal(line["markup_percent"] or 0) / 100).quantize(Decimal("0.00001"))
            if markup != wanted:
                yield "a mark-up is not its share of the cost"
            exact = (cost + markup) * rate
        if exact.quantize(coin) != Decimal(line["charge"]):
            yield "an amount is not what its line comes to"
    yield from _listed(totals, requests_csv)


def _listed(totals: Mapping[str, Any], requests_csv: bytes | None) -> Iterable[str]:
    """Compare a statement's list of requests with its total."""
    if requests_csv is None:
        yield "the list of requests is missing"
        return
    csv.field_size_limit(_CSV_FIELD_MAX)
    count, cost = 0, Decimal(0)
    for row in csv.DictReader(io.StringIO(requests_csv.decode(), newline="")):
        count += 1
        cost += Decimal(row["cost_usd"] or 0)
    if count != totals["requests"] or cost != Decimal(totals["cost_usd"]):
        yield "the requests listed do not add up to the total"


def _adds_up(rows: Sequence[Mapping[str, Any]], totals: Mapping[str, Any]) -> bool:
    return all(sum((Decimal(row[name]) for row in rows), Decimal(0)) == Decimal(totals[name]) for name in _PARTS)


_CHECKS: Final[Mapping[str, Callable[[Mapping[str, Any], bytes | None], Iterable[str]]]] = {
    "project": _project,
    "executive": _executive,
    "statement": _statement,
}
