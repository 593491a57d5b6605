"""Bills held against a log in plain Python, the slow and obvious way.

Belongs here: what the marts of reconciliation must say of random calls and bills. Does not belong here: running them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

MILLICENT = 10**7
CENT = 10**10
MIDNIGHT = timedelta(seconds=300)
KINDS = ("uncached_input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
Span = tuple[str, date, date]


@dataclass
class Books:
    """One workspace's calls, rates (by id) and standing bills.

    Attributes:
        calls: rows of `fct_requests`.
        special: ids of rates of a tier or context band.
        periods: rows of `bill_periods`, with their `lines`.
    """

    calls: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    special: frozenset[str] = frozenset()
    periods: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def metered(self, provider: str, first: date, last: date) -> list[dict[str, Any]]:
        """Return the calls a bill of these days is held against."""
        return [
            one
            for one in self.calls
            if one["spend_kind"] == "metered" and one["provider"] == provider and first <= one["requested_on"] <= last
        ]


def chosen_bills(books: Books) -> dict[Span, list[dict[str, Any]]]:
    """Return the statements that hold, by what they cover."""
    standing = [
        one
        for one in books.periods
        if one["superseded_at"] is None and (one["is_complete"] or any(line["amount_picousd"] for line in one["lines"]))
    ]
    chosen: dict[Span, list[dict[str, Any]]] = {}
    by_span: defaultdict[Span, list[dict[str, Any]]] = defaultdict(list)
    for one in standing:
        by_span[one["provider"], one["first_day"], one["last_day"]].append(one)
    for span, some in by_span.items():
        if span[1] != span[2]:
            continue
        for kinds in ({"anthropic_analytics", "openai_costs"}, {"anthropic_cost_report"}):
            read = [one for one in some if one["kind"] in kinds]
            if read:
                chosen[span] = read
                break
        else:
            chosen[span] = [max(some, key=lambda one: (one["read_at"], one["period_id"]))]
    wide = [one for span, some in by_span.items() if span[1] != span[2] for one in some]
    within = [one for one in wide if one["first_day"].month == one["last_day"].month]
    needed = [one for one in within if _needed(one, chosen, within)]
    by_order = sorted(needed, key=lambda one: (one["read_at"], one["period_id"]), reverse=True)
    by_order.sort(key=lambda one: sum(_within(one, other) for other in needed if other["provider"] == one["provider"]))
    held: list[dict[str, Any]] = []
    for one in by_order:
        if not any(_overlap(one, other) for other in held):
            held.append(one)
            chosen[one["provider"], one["first_day"], one["last_day"]] = [one]
    for span, some in by_span.items():
        if span[1].month != span[2].month:
            chosen[span] = [max(some, key=lambda one: (one["read_at"], one["period_id"]))]
    return chosen


def in_month(span: Span, chosen: dict[Span, list[dict[str, Any]]]) -> bool:
    """Return whether a figure is part of its month."""
    provider, first, last = span
    if first.month != last.month:
        return False
    return first != last or not any(
        other[0] == provider and other[1] != other[2] and other[1].month == other[2].month
        and other[1] <= first <= other[2]
        for other in chosen
    )  # fmt: skip


def logged(books: Books, span: Span) -> int:
    """Return what was logged, in picodollars."""
    return sum((one["cost_logged_millicents"] or 0) * MILLICENT for one in books.metered(*span))


def billed(statements: list[dict[str, Any]]) -> int:
    """Return what was billed, in picodollars."""
    lines = [line for one in statements for line in one["lines"] if line["category"] not in ("tax", "prepaid")]
    return sum(line["amount_picousd"] for line in lines)


def certain_parts(books: Books, span: Span, statements: list[dict[str, Any]]) -> dict[str, int]:
    """Return the parts that are sums of rows: those of the log alone, and those of the bill alone."""
    parts: dict[str, int] = dict.fromkeys(
        ("unpriced", "price_difference", "own_tier_or_context", "own_rounding", "discount", "credits", "adjustments"), 0
    )
    for one in books.metered(*span):
        millicents, priced = one["cost_logged_millicents"], one["cost_priced_picousd"]
        if priced is None:
            continue
        difference = (millicents or 0) * MILLICENT - priced
        if millicents is None:
            parts["unpriced"] += difference
        elif abs(difference) < MILLICENT:
            parts["own_rounding"] += difference
        elif one["rate_id"] in books.special:
            parts["own_tier_or_context"] += difference
        else:
            parts["price_difference"] += difference
    for line in (line for one in statements for line in one["lines"]):
        amount = line["amount_picousd"]
        if line["category"] == "usage":
            listed = line["list_amount_picousd"]
            parts["discount"] += 0 if listed is None else listed - amount
        named = {"discount": "discount", "credit": "credits", "adjustment": "adjustments"}.get(line["category"])
        if named is not None:
            parts[named] -= amount
    return parts


def near_midnight(books: Books, span: Span) -> tuple[int, int]:
    """Return what calls near the ends of a span cost: those inside, and those of the days beside it outside."""
    provider, first, last = span
    inside = outside = 0
    for one in books.metered(provider, first - timedelta(days=1), last + timedelta(days=1)):
        at, day = one["requested_at"], one["requested_on"]
        expected = one["cost_priced_picousd"]
        if expected is None:
            expected = (one["cost_logged_millicents"] or 0) * MILLICENT
        start = datetime.combine(day, datetime.min.time())
        early, late = at < start + MIDNIGHT, at >= start + timedelta(days=1) - MIDNIGHT
        inside += expected * ((early and day == first) + (late and day == last))
        before, after = first - timedelta(days=1), last + timedelta(days=1)
        outside += expected * ((late and day == before) + (early and day == after))
    return inside, outside


def _needed(one: dict[str, Any], days: dict[Span, Any], spans: list[dict[str, Any]]) -> bool:
    day = one["first_day"]
    while day <= one["last_day"]:
        finer = any(
            other["provider"] == one["provider"]
            and _within(other, one)
            and other["first_day"] <= day <= other["last_day"]
            for other in spans
        )
        if (one["provider"], day, day) not in days and not finer:
            return True
        day += timedelta(days=1)
    return False


def _within(inner: dict[str, Any], outer: dict[str, Any]) -> bool:
    return (
        outer["first_day"] <= inner["first_day"]
        and inner["last_day"] <= outer["last_day"]
        and (inner["first_day"], inner["last_day"]) != (outer["first_day"], outer["last_day"])
    )


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return (
        one["provider"] == other["provider"]
        and one["first_day"] <= other["last_day"]
        and other["first_day"] <= one["last_day"]
    )
