"""Single bills against single calls, where a plausible reading would put a wrong figure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

import duckdb
import pytest

from tests.dbt_project.reconciled_by_hand import KINDS, MILLICENT
from tests.dbt_project.reconciliation_sql import PRICE, ReconciliationSql, build, lay, midnight, rate

WORKSPACE: Final = UUID(int=7)
DAY: Final = date(2026, 10, 5)
NEXT: Final = DAY + timedelta(days=1)
CENT: Final = 10**10
RATES: Final = [
    rate("anthropic", "m-one", "m1"),
    rate("openai", "g-one", "g1"),
    rate("openai", "g-one", "g1-batch", tier="batch", price=PRICE // 2),
    rate("gemini", "f-one", "f1"),
]
NAMES: Final[dict[str, dict[str, str | None]]] = {
    "anthropic": {"m-one": "m-one", "m-other": "m-other"}, "openai": {"g-one": "g-one"}, "gemini": {"f-one": "f-one"},
}  # fmt: skip
KIND_OF: Final = {"anthropic": "anthropic_analytics", "openai": "openai_costs", "gemini": "gemini_export"}

Reconcile = Callable[[list[dict[str, Any]], list[dict[str, Any]]], duckdb.DuckDBPyConnection]


@pytest.fixture
def reconcile(reconciliation_sources: duckdb.DuckDBPyConnection, reconciliation_sql: ReconciliationSql) -> Reconcile:
    """Builds every model over some calls and bills."""

    def built(calls: list[dict[str, Any]], periods: list[dict[str, Any]]) -> duckdb.DuckDBPyConnection:
        for number, one in enumerate(calls):
            one["request_id"] = UUID(int=number)
        for number, one in enumerate(periods):
            one["period_id"] = UUID(int=1000 + number)
        lay(reconciliation_sources, calls, periods, RATES, NAMES)
        build(reconciliation_sources, reconciliation_sql)
        return reconciliation_sources

    return built


def call(
    provider: str = "anthropic",
    model: str = "m-one",
    *,
    day: date = DAY,
    second: int = 43_200,
    logged: int | None = None,
    spend_kind: str = "metered",
    **tokens: int,
) -> dict[str, Any]:
    """Return a call that was logged at the book's price, unless told otherwise (millicents)."""
    priced = sum(tokens.values()) * PRICE
    return {
        "workspace_id": WORKSPACE, "device_id": UUID(int=1), "provider": provider, "model": model, "model_ref": model,
        "project": "atlas", "requested_on": day, "requested_at": midnight(day) + timedelta(seconds=second),
        "status": "success", "file_seq": 1, "spend_kind": spend_kind, "withheld_reason": None,
        "service_tier": "standard", "rate_id": "m1", "cost_priced_picousd": priced,
        "cost_logged_millicents": priced // MILLICENT if logged is None else logged,
        **{f"{'billable_output' if kind == 'output' else kind}_tokens": tokens.get(kind, 0) for kind in KINDS},
    }  # fmt: skip


def bill(
    *lines: dict[str, Any],
    provider: str = "anthropic",
    kind: str | None = None,
    first: date = DAY,
    last: date | None = None,
    requests: int | None = None,
    read: int = 0,
) -> dict[str, Any]:
    """Return a standing bill of one day, unless told otherwise."""
    return {
        "workspace_id": WORKSPACE, "connection_id": UUID(int=5), "provider": provider,
        "kind": kind or KIND_OF[provider], "first_day": first, "last_day": last or first,
        "read_at": midnight(date(2026, 11, 1)) + timedelta(hours=read), "superseded_at": None, "is_complete": True,
        "request_count": requests, "lines": list(lines),
    }  # fmt: skip


def line(amount: int = 0, **more: Any) -> dict[str, Any]:
    """Return a line of usage."""
    unsaid = dict.fromkeys(
        ("list_amount_picousd", "model", "key_ref", "service_tier", "token_kind", "quantity", "requests")
    )
    return {"category": "usage", "amount_picousd": amount, **unsaid, **more}


def parts(database: duckdb.DuckDBPyConnection, first: date = DAY) -> dict[str, int]:
    """Return the parts of a bill that are not nothing."""
    found = database.execute(
        "select part, amount_picousd from mart_variance_parts where first_day = ? order by position", [first]
    ).fetchall()
    return {part: amount for part, amount in found if amount}


def reason(database: duckdb.DuckDBPyConnection, part: str, first: date = DAY) -> str:
    """Return why a part is what it is."""
    query = "select reason from mart_variance_parts where first_day = ? and part = ?"
    return str(database.execute(query, [first, part]).fetchall()[0][0])


def test_tokens_billed_without_a_model_are_held_against_all_that_was_seen(reconcile: Reconcile) -> None:
    """Of 1,000 tokens without a model 600 were logged: 400 are missing, not 1,000."""
    database = reconcile(
        [call("gemini", "f-one", uncached_input=600)],
        [bill(line(1000 * PRICE, token_kind="uncached_input", quantity=1000, key_ref="k"), provider="gemini")],
    )
    assert parts(database) == {"missing_calls": -400 * PRICE}
    assert database.execute(
        "select key_ref, billed, seen, covered from mart_coverage_daily where unit = 'tokens' order by key_ref"
    ).fetchall() == [("(all)", 1000, 600, 600), ("k", 1000, None, None)]


def test_a_batch_discount_is_found_though_the_costs_name_no_tier(reconcile: Reconcile) -> None:
    """OpenAI's costs name no tier and its usage does: half the price for 1,000 tokens logged at the whole one."""
    database = reconcile(
        [call("openai", "g-one", output=1000)],
        [
            bill(
                line(500 * PRICE, model="g-one", token_kind="output"),
                line(model="g-one", token_kind="output", service_tier="batch", quantity=1000),
                line(model="g-one", service_tier="batch", requests=1),
                provider="openai",
                requests=1,
            )
        ],
    )
    assert parts(database) == {"tier_or_context": 500 * PRICE}
    assert reason(database, "tier_or_context") == "billed_in_a_tier_not_in_the_log"


def test_tokens_below_zero_are_no_missing_calls(reconcile: Reconcile) -> None:
    """A line taken back leaves something unexplained; missing calls only ever lower the log."""
    database = reconcile(
        [call(uncached_input=100)],
        [
            bill(
                line(-50 * PRICE, model="m-one", token_kind="output"),
                line(model="m-one", token_kind="output", quantity=50),
                line(100 * PRICE, model="m-one", token_kind="uncached_input"),
                line(model="m-one", token_kind="uncached_input", quantity=100),
                requests=2,
            )
        ],
    )
    assert parts(database) == {"unexplained": 50 * PRICE}


def test_a_fraction_of_a_cent_is_rounding_before_it_is_midnight(reconcile: Reconcile) -> None:
    """A bill in whole cents, no requests told, and a call two minutes before midnight."""
    logged = 5 * CENT + 4 * MILLICENT
    database = reconcile(
        [call(second=86_400 - 120, uncached_input=logged // PRICE)], [bill(line(5 * CENT), kind="manual")]
    )
    assert parts(database) == {"rounding": 4 * MILLICENT}


def test_without_counts_midnight_is_only_a_possibility_and_says_so(reconcile: Reconcile) -> None:
    database = reconcile([call(second=86_400 - 120, uncached_input=10**6)], [bill(line(), kind="manual")])
    assert parts(database) == {"timing": 10**6 * PRICE}
    assert reason(database, "timing") == "may_be_calls_near_midnight"


def test_statements_that_overlap_in_a_ring_leave_one_in_force(reconcile: Reconcile) -> None:
    """The first holds the second within it, the second is newer than the third, the third is newer than the first."""
    days = [(1, 20, 0), (5, 10, 2), (8, 25, 1)]
    database = reconcile(
        [],
        [
            bill(line(number * CENT), kind="manual", first=date(2026, 10, a), last=date(2026, 10, b), read=read)
            for number, (a, b, read) in enumerate(days, 1)
        ],
    )
    assert database.execute(
        "select first_day, billed_picousd from int_billed_days where counts_in_month"
    ).fetchall() == [(date(2026, 10, 8), 3 * CENT)]


def test_a_statement_beaten_by_one_that_does_not_hold_holds_itself(reconcile: Reconcile) -> None:
    """Of three in a row, each newer than the one after it, the first and the last do not touch."""
    database = reconcile(
        [],
        [
            bill(line(number * CENT), kind="manual", first=date(2026, 10, a), last=date(2026, 10, b), read=9 - number)
            for number, (a, b) in enumerate([(1, 5), (4, 8), (7, 10)], 1)
        ],
    )
    assert database.execute(
        "select billed_picousd from mart_reconciliation_monthly where provider = 'all'"
    ).fetchall() == [(4 * CENT,)]


def test_what_was_seen_of_one_model_does_not_cover_another(reconcile: Reconcile) -> None:
    database = reconcile(
        [call(model="m-other", uncached_input=100)],
        [bill(line(model="m-one", token_kind="uncached_input", quantity=100), line(CENT), requests=1)],
    )
    assert database.execute(
        "select billed, seen, covered, is_over from mart_coverage_daily where unit = 'tokens' and key_ref = '(all)'"
    ).fetchall() == [(100, 100, 0, True)]


@pytest.mark.parametrize(
    ("own", "billed", "suspect"),
    [(40, 4000, "x100"), (4000, 40, "x0.01"), (40, 3799, None), (4, 400, None), (400, 400, None)],
)
def test_a_wrong_unit_is_found_from_five_cents_on(
    reconcile: Reconcile, own: int, billed: int, suspect: str | None
) -> None:
    """Amounts in cents: below five cents a ratio tells nothing."""
    database = reconcile([call(uncached_input=own * CENT // PRICE)], [bill(line(billed * CENT))])
    for mart in ("mart_reconciliation_daily", "mart_reconciliation_monthly"):
        found = database.execute(f"select distinct unit_suspect from {mart}").fetchall()
        assert found == [(suspect,)]


def test_a_wrong_unit_of_a_day_that_counts_in_no_month_is_no_wrong_month(reconcile: Reconcile) -> None:
    database = reconcile(
        [call(uncached_input=200 * CENT // PRICE)],
        [
            bill(line(200 * 100 * CENT)),
            bill(line(200 * CENT), kind="manual", first=date(2026, 10, 1), last=date(2026, 10, 31)),
        ],
    )
    query = "select variance_picousd, colour, unit_suspect from mart_reconciliation_monthly where provider = 'all'"
    assert database.execute(query).fetchall() == [(0, "green", None)]


def test_spend_that_a_plan_covers_is_held_against_no_bill(reconcile: Reconcile) -> None:
    database = reconcile(
        [
            call(uncached_input=1000),
            call(uncached_input=10**6, spend_kind="subscription_imputed"),
        ],
        [
            bill(
                line(1000 * PRICE, model="m-one", token_kind="uncached_input"),
                line(model="m-one", token_kind="uncached_input", quantity=1000),
                requests=1,
            )
        ],
    )
    assert parts(database) == {}
    assert database.execute(
        "select distinct seen, is_over from mart_coverage_daily where unit = 'tokens'"
    ).fetchall() == [(1000, False)]


def test_a_bill_below_zero_keeps_its_sign_and_its_parts(reconcile: Reconcile) -> None:
    """0.05 USD of usage, 2 USD of credits."""
    database = reconcile(
        [call(uncached_input=5 * CENT // PRICE)],
        [bill(line(5 * CENT), {**line(-200 * CENT), "category": "credit"})],
    )
    assert parts(database) == {"credits": 200 * CENT}
    assert database.execute(
        "select billed_picousd, variance_picousd, colour from mart_reconciliation_daily where provider = 'all'"
    ).fetchall() == [(-195 * CENT, 200 * CENT, "red")]
