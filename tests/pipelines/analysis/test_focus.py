"""FOCUS 1.2 of the golden workspace: every amount is a mart's, credits and corrections are theirs, in every format."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.dashboards.request_csv import safe_text
from pipelines.exports.focus import FOCUS_COLUMNS, FOCUS_TABLE, focus_columns, focus_text
from pipelines.exports.focus_file import write_focus
from pipelines.exports.settings import ExportError
from pipelines.lake.clock import FixedClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from tests.pipelines.analysis.asking import ask
from tests.pipelines.analysis.golden import GOLDEN, KEY
from tests.pipelines.lake_builder import NOON
from tests.pipelines.published import ask as ask_marts

# The columns of FOCUS 1.2, as the specification lists them.
SPECIFIED = [
    "AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName", "BillingAccountType",
    "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "CapacityReservationId",
    "CapacityReservationStatus", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency",
    "ChargePeriodEnd", "ChargePeriodStart", "CommitmentDiscountCategory", "CommitmentDiscountId",
    "CommitmentDiscountName", "CommitmentDiscountQuantity", "CommitmentDiscountStatus", "CommitmentDiscountType",
    "CommitmentDiscountUnit", "ConsumedQuantity", "ConsumedUnit", "ContractedCost", "ContractedUnitPrice",
    "EffectiveCost", "InvoiceId", "InvoiceIssuerName", "ListCost", "ListUnitPrice", "PricingCategory",
    "PricingCurrency", "PricingCurrencyContractedUnitPrice", "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "RegionId",
    "RegionName", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory", "ServiceName",
    "ServiceSubcategory", "SkuId", "SkuMeter", "SkuPriceDetails", "SkuPriceId", "SubAccountId", "SubAccountName",
    "SubAccountType", "Tags",
]  # fmt: skip


def focus(home: Home, where: str = "true") -> list[dict[str, Any]]:
    rows = ask(home, f"select {', '.join(FOCUS_COLUMNS)} from {FOCUS_TABLE} where workspace_id = ? and {where}", GOLDEN)
    return [dict(zip(FOCUS_COLUMNS.values(), row, strict=True)) for row in rows]


def test_it_has_the_57_columns_of_the_specification(golden_home: Home) -> None:
    assert list(FOCUS_COLUMNS.values()) == SPECIFIED
    described = ask(golden_home, f"select column_name from (describe {FOCUS_TABLE})")
    assert [name for (name,) in described] == ["workspace_id", *FOCUS_COLUMNS]


def test_usage_sums_to_the_marts_by_day_project_and_model(golden_home: Home) -> None:
    by_day = (
        "select utc_day, project, model, sum(requests), sum(cost_logged_millicents) * 10000000,"
        " sum(cost_priced_picousd),"
        " sum(uncached_input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens"
        " + billable_output_tokens) from mart_spend_15min"
        " where workspace_id = ? and spend_kind = 'metered' and withheld_reason is null group by all"
    )
    expected = {
        (day, project, model): (requests, logged, priced, tokens)
        for day, project, model, requests, logged, priced, tokens in ask_marts(golden_home, by_day, GOLDEN)
    }
    found: dict[Any, list[Decimal]] = {}
    for row in focus(golden_home, "charge_category = 'Usage'"):
        sums = found.setdefault(
            (row["ChargePeriodStart"].date(), row["SubAccountId"], row["ResourceId"]), [Decimal(0)] * 4
        )
        tags = json.loads(row["Tags"] or "{}")
        sums[0] += tags.get("halton/requests", 0)
        sums[1] += row["BilledCost"] * 10**12
        sums[2] += row["ContractedCost"] * 10**12 if row["SkuPriceId"] else 0
        sums[3] += row["ConsumedQuantity"]
    assert len(found) > 5
    assert {key: tuple(map(int, sums)) for key, sums in found.items()} == expected


def test_credits_are_the_providers_and_what_came_after_a_close_is_a_correction(golden_home: Home) -> None:
    (credit,) = focus(golden_home, "charge_category = 'Credit'")
    assert credit["BilledCost"] == credit["ListCost"] == Decimal("-0.05")
    assert credit["ChargeDescription"] == "promotion"
    assert (credit["ProviderName"], credit["SkuId"], credit["PricingQuantity"]) == ("Anthropic", None, None)
    september = focus(golden_home, "billing_period_start = timestamp '2026-09-01'")
    late = [row for row in september if row["ChargeClass"] == "Correction"]
    signed = [row for row in september if row["ChargeClass"] is None]
    assert sum(row["BilledCost"] for row in signed) == Decimal("9.9")
    assert late
    assert not [row for row in focus(golden_home, "billing_period_start > '2026-09-01'") if row["ChargeClass"]]


def test_a_unit_price_times_its_quantity_is_its_cost_and_unknown_ones_stay_null(golden_home: Home) -> None:
    for row in focus(golden_home, "charge_category = 'Usage'"):
        assert row["PricingUnit"] == "1000000 Tokens"
        assert row["PricingQuantity"] * 10**6 == row["ConsumedQuantity"]
        if row["SkuPriceId"] is None:
            assert row["ContractedUnitPrice"] is None
            assert row["PricingCategory"] == "Other"
        else:
            assert row["ContractedUnitPrice"] * row["PricingQuantity"] == row["ContractedCost"]
            assert row["ListUnitPrice"] * row["PricingQuantity"] == row["ListCost"]


def test_numbers_and_instants_are_written_as_the_specification_asks() -> None:
    assert focus_text(Decimal("1000000.000000")) == "1000000.0"
    assert focus_text(Decimal("-0.050000000000")) == "-0.05"
    assert focus_text(Decimal("1E-12")) == "0.000000000001"
    assert focus_text(None) is None


@pytest.fixture(scope="module")
def client(golden_home: Home) -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        engine = open_database(golden_home.database_url)
        app = create_app(golden_home, engine=engine, clock=FixedClock(NOON), sends_mail=False)
        with TestClient(app, headers={"Authorization": f"Bearer {KEY}"}) as made:
            yield made
        engine.dispose()


def test_files_csv_and_json_say_the_same(client: TestClient, golden_home: Home, tmp_path: Path) -> None:
    october = focus(golden_home, "billing_period_start = timestamp '2026-10-01'")
    for name in ("focus.csv", "focus.parquet"):
        told = write_focus(golden_home, GOLDEN, str(tmp_path / name), date(2026, 10, 1), safe_text)
        assert told.rows == len(october) > 5
        assert told.billed_usd == sum(row["BilledCost"] for row in october)
    from_file = list(csv.DictReader(io.StringIO((tmp_path / "focus.csv").read_text(), newline="")))
    frame = pl.read_parquet(tmp_path / "focus.parquet")
    assert frame.columns == SPECIFIED
    assert [focus_text(one) for one in frame["BilledCost"]] == [row["BilledCost"] for row in from_file]
    from_route = list(csv.DictReader(io.StringIO(client.get("/v1/golden/focus.csv?month=2026-10").text, newline="")))
    assert from_route == from_file
    rows, cursor = [], None
    while True:
        page = client.get(
            "/v1/golden/focus", params={"month": "2026-10", "limit": 3, **({"cursor": cursor} if cursor else {})}
        )
        assert page.status_code == 200
        rows += page.json()["rows"]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert [{name: value or "" for name, value in row.items()} for row in rows] == from_file


def test_a_cursor_of_another_analysis_and_a_month_that_is_none_are_refused(client: TestClient) -> None:
    other = client.get("/v1/golden/focus", params={"cursor": "a20000101T000000-00000000.3"})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "analysis_changed")
    for wrong in ({"month": "2026-13"}, {"month": "0000-01"}, {"cursor": "x"}, {"limit": 0}):
        assert client.get("/v1/golden/focus", params=wrong).status_code == 422, wrong
    assert client.get("/v1/acme/focus").status_code == 404


def test_a_file_of_no_known_format_is_refused(golden_home: Home, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"\.csv or \.parquet"):
        write_focus(golden_home, GOLDEN, str(tmp_path / "focus.xls"), None, safe_text)
    assert "$workspace_id" in focus_columns()
