"""Random calls against random bills: the parts of every variance sum to it, and marts say what plain Python says."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

import duckdb
import pytest

from tests.dbt_project.reconciled_by_hand import (
    CENT,
    KINDS,
    MILLICENT,
    Books,
    Span,
    billed,
    certain_parts,
    chosen_bills,
    in_month,
    logged,
    near_midnight,
)
from tests.dbt_project.reconciliation_sql import ReconciliationSql, build, lay, midnight, rate

WORKSPACE: Final = UUID(int=7)
OTHER: Final = UUID(int=8)
FIRST: Final = date(2026, 9, 27)
DAYS: Final = 10
MODELS: Final = {"anthropic": ("m-one", "m-two-20260101"), "openai": ("g-one", "unknown")}
REFERENCES: Final = {"m-one": "m-one", "m-two-20260101": "m-two", "g-one": "g-one", "unknown": None}
SPECIAL: Final = frozenset({"batch", "long"})
RATES: Final = [
    rate("anthropic", "m-one", "plain"),
    rate("anthropic", "m-two", "m2"),
    rate("openai", "g-one", "g1"),
    rate("anthropic", "m-one", "batch", tier="batch"),
    rate("anthropic", "m-one", "long", above=200_000),
]


@pytest.mark.parametrize("seed", range(6))
def test_marts_of_random_books_say_what_plain_python_says(
    seed: int, reconciliation_sources: duckdb.DuckDBPyConnection, reconciliation_sql: ReconciliationSql
) -> None:
    database = reconciliation_sources
    dice = random.Random(seed)
    books = {workspace: random_books(dice, workspace) for workspace in (WORKSPACE, OTHER)}
    calls = [call for one in books.values() for call in one.calls]
    periods = [period for one in books.values() for period in one.periods]
    names = {provider: {model: REFERENCES[model] for model in models} for provider, models in MODELS.items()}
    lay(database, calls, periods, RATES, names)
    build(database, reconciliation_sql)
    for workspace, own in books.items():
        chosen = chosen_bills(own)
        check_parts(database, workspace, own, chosen)
        check_months(database, workspace, own, chosen)
    check_coverage(database)


def check_parts(
    database: duckdb.DuckDBPyConnection, workspace: UUID, books: Books, chosen: dict[Span, list[dict[str, Any]]]
) -> None:
    rows = database.execute(
        "select provider, first_day, last_day, part, amount_picousd, counts_in_month from mart_variance_parts"
        " where workspace_id = ?",
        [str(workspace)],
    ).fetchall()
    parts: defaultdict[Span, dict[str, int]] = defaultdict(dict)
    counted: dict[Span, bool] = {}
    for provider, first, last, part, amount, counts in rows:
        parts[provider, first, last][part] = amount
        counted[provider, first, last] = counts
    assert set(parts) == set(chosen)
    for span, found in parts.items():
        assert counted[span] == in_month(span, chosen), span
        assert sum(found.values()) == logged(books, span) - billed(chosen[span]), span
        certain = certain_parts(books, span, chosen[span])
        for part in ("unpriced", "price_difference", "discount", "credits", "adjustments"):
            assert found[part] == certain[part], (span, part)
        inside, outside = near_midnight(books, span)
        assert -outside <= found["timing"] <= inside, span
        assert found["missing_calls"] <= 0, span
        cents = sum(
            line["amount_picousd"] != 0 and line["amount_picousd"] % CENT == 0
            for one in chosen[span]
            for line in one["lines"]
        )
        assert abs(found["rounding"] - certain["own_rounding"]) * 2 <= cents * CENT, span


def check_months(
    database: duckdb.DuckDBPyConnection, workspace: UUID, books: Books, chosen: dict[Span, list[dict[str, Any]]]
) -> None:
    found = database.execute(
        "select provider, utc_month, logged_picousd, billed_picousd, variance_picousd"
        " from mart_reconciliation_monthly where provider <> 'all' and workspace_id = ?",
        [str(workspace)],
    ).fetchall()
    assert found
    for provider, month, all_logged, all_billed, variance in found:
        spans = [one for one in chosen if one[0] == provider and in_month(one, chosen) and one[2].month == month.month]
        end = date(month.year, month.month + 1, 1) - timedelta(days=1)
        assert all_logged == logged(books, (provider, month, end))
        assert all_billed == (sum(billed(chosen[one]) for one in spans) if spans else None)
        expected = sum(logged(books, one) - billed(chosen[one]) for one in spans) if spans else None
        assert variance == expected


def check_coverage(database: duckdb.DuckDBPyConnection) -> None:
    rows = database.execute("select billed, seen, covered, is_over from mart_coverage_daily").fetchall()
    assert rows
    for whole, seen, covered, is_over in rows:
        assert (seen is None) == (covered is None)
        assert covered is None or 0 <= covered <= min(whole, seen)
        assert is_over == (seen is not None and seen > covered)


def random_books(dice: random.Random, workspace: UUID) -> Books:
    calls = [random_call(dice, workspace, number) for number in range(dice.randrange(40, 160))]
    periods = [random_period(dice, workspace, number) for number in range(dice.randrange(10, 40))]
    unique: dict[tuple[str, str, date, date], dict[str, Any]] = {}
    for one in periods:  # one standing statement of the same days per connection; kinds stand for connections here
        unique[one["kind"], one["provider"], one["first_day"], one["last_day"]] = one
    superseded = [one | {"superseded_at": one["read_at"]} for one in periods if one not in unique.values()]
    return Books(calls, SPECIAL, [*unique.values(), *superseded])


def random_call(dice: random.Random, workspace: UUID, number: int) -> dict[str, Any]:
    provider = dice.choice(list(MODELS))
    model = dice.choice(MODELS[provider])
    day = FIRST + timedelta(days=dice.randrange(DAYS))
    second = dice.choice([dice.randrange(86_400), dice.randrange(299), 86_400 - dice.randrange(1, 301)])
    tokens = {kind: dice.choice([0, 0, dice.randrange(1000)]) for kind in KINDS}
    priced = dice.choice([None, *[sum(tokens.values()) * 2_000_000] * 4])
    near = None if priced is None else priced // MILLICENT
    return {
        "workspace_id": workspace, "request_id": UUID(int=workspace.int << 32 | number), "device_id": UUID(int=1),
        "provider": provider, "model": model, "model_ref": REFERENCES[model], "project": "atlas", "requested_on": day,
        "requested_at": midnight(day) + timedelta(seconds=second),
        "status": dice.choice(["success"] * 4 + ["error"]), "file_seq": 1,
        "spend_kind": dice.choice(["metered"] * 5 + ["imported"]),
        "withheld_reason": dice.choice([None] * 5 + ["project_archived"]),
        "service_tier": dice.choice(["standard", "standard", "batch"]),
        "rate_id": None if priced is None else dice.choice(["plain", "plain", "batch", "long"]),
        "cost_logged_millicents": dice.choice([None, near, near, dice.randrange(500)]), "cost_priced_picousd": priced,
        "uncached_input_tokens": tokens["uncached_input"], "cache_read_tokens": tokens["cache_read"],
        "cache_write_5m_tokens": tokens["cache_write_5m"], "cache_write_1h_tokens": tokens["cache_write_1h"],
        "billable_output_tokens": tokens["output"],
    }  # fmt: skip


def random_period(dice: random.Random, workspace: UUID, number: int) -> dict[str, Any]:
    provider = dice.choice(list(MODELS))
    first = FIRST + timedelta(days=dice.randrange(DAYS))
    kinds = {
        "anthropic": ["anthropic_analytics", "anthropic_cost_report", "manual"],
        "openai": ["openai_costs", "manual"],
    }
    kind = dice.choice(kinds[provider])
    length = dice.choice([0, 2, dice.randrange(6), dice.randrange(6)]) if kind == "manual" else 0
    return {
        "workspace_id": workspace, "period_id": UUID(int=workspace.int << 32 | number), "connection_id": UUID(int=5),
        "provider": provider, "kind": kind, "first_day": first, "last_day": first + timedelta(days=length),
        "read_at": midnight(date(2026, 11, 1)) + timedelta(hours=dice.randrange(3)), "superseded_at": None,
        "is_complete": dice.random() < 0.8, "request_count": dice.choice([None, dice.randrange(20)]),
        "lines": [random_line(dice, provider) for _ in range(dice.randrange(8))],
    }  # fmt: skip


def random_line(dice: random.Random, provider: str) -> dict[str, Any]:
    category = dice.choice(["usage"] * 6 + ["credit", "discount", "tax", "prepaid", "adjustment"])
    amount = dice.choice([dice.randrange(10**10), dice.randrange(9) * CENT, 0])
    if category in ("credit", "discount") or dice.random() < 0.1:
        amount = -amount
    is_usage = category == "usage"
    listed = dice.choice([None, amount + dice.randrange(10**9)]) if is_usage else None
    return {
        "category": category, "amount_picousd": amount, "list_amount_picousd": listed,
        "model": dice.choice([None, *MODELS[provider]]), "key_ref": dice.choice([None, "k1", "k2"]),
        "service_tier": dice.choice([None, None, "batch", "Default"]),
        "token_kind": dice.choice([None, *KINDS]) if is_usage else None,
        "quantity": dice.choice([None, dice.randrange(2000)]) if is_usage else None,
        "requests": dice.choice([None, dice.randrange(5)]) if is_usage else None,
    }  # fmt: skip
