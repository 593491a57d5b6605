"""The rate table offered to daemons: the strict shape, and nothing when in doubt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from api.rate_offer import NO_OFFER, rate_offer
from daemon.wire.pricing import PricingRates
from pipelines.lake.paths import Home
from pipelines.lake.rate_book import UNTIL_FURTHER_NOTICE, Rate, TokenRates
from pipelines.rates.export import write_rate_book
from tests.api.conftest import Machine, Tenants
from tests.conftest import NOON, on_sqlite

WORKSPACE = "5f0c2d3e-8a51-4f0e-9a43-1f2a7c1f2b11"
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def rate(**changes: Any) -> dict[str, Any]:
    return {
        "rate_id": "r",
        "workspace_id": None,
        "provider": "anthropic",
        "model_ref": "claude-sonnet-4-5",
        "service_tier": "standard",
        "context_over_tokens": 0,
        "valid_from": SINCE.replace(tzinfo=None),
        "valid_to": datetime(9999, 12, 31),  # noqa: DTZ001
        "known_from": SINCE.replace(tzinfo=None),
        "source": "test",
        "currency": "USD",
        "uncached_input_picousd_per_token": 3_000_000,
        "cache_read_picousd_per_token": 300_000,
        "cache_write_5m_picousd_per_token": 3_750_000,
        "cache_write_1h_picousd_per_token": 6_000_000,
        "output_picousd_per_token": 15_000_000,
        **changes,
    }


def write_book(home: Home, *rates: dict[str, Any]) -> None:
    home.exports.mkdir(exist_ok=True)
    columns = {name: [row[name] for row in rates] for name in rates[0]}
    table = pa.table({**columns, "workspace_id": pa.array(columns["workspace_id"], pa.string())})
    pq.write_table(table, home.exports / "rate_book.parquet")


def test_a_daemon_is_offered_todays_base_prices(home: Home) -> None:
    write_book(home, rate())
    assert msgspec.to_builtins(rate_offer(home, WORKSPACE, NOON)) == {
        "schema_version": 1,
        "bundled_rates_date": "2026-01-01",
        "rates_version": int(SINCE.timestamp()),
        "currency": "USD",
        "providers": {
            "anthropic": [
                {
                    "model": "claude-sonnet-4-5",
                    "input": 3.0,
                    "output": 15.0,
                    "thinking": 15.0,
                    "cache_read": 0.3,
                    "cache_write": 3.75,
                }
            ]
        },
    }


def test_gemini_is_called_google_and_unknown_providers_are_left_out(home: Home) -> None:
    write_book(home, rate(provider="gemini"), rate(provider="mistral"))
    assert set(rate_offer(home, WORKSPACE, NOON).providers) == {"google"}


@pytest.mark.parametrize(
    "change",
    [
        {"service_tier": "batch"},
        {"context_over_tokens": 200_000},
        {"valid_from": datetime(2026, 7, 1, 12, 0, 1)},  # noqa: DTZ001
        {"valid_to": datetime(2026, 7, 1, 12, 0)},  # noqa: DTZ001
        {"uncached_input_picousd_per_token": None},
        {"output_picousd_per_token": None},
        {"output_picousd_per_token": 1_000_000_001},
        {"workspace_id": "00000000-0000-4000-8000-000000000000"},
        {"currency": "EUR"},
    ],
    ids=str,
)
def test_prices_that_do_not_apply_or_would_be_refused_are_not_offered(change: dict[str, Any], home: Home) -> None:
    write_book(home, rate(**change), rate(provider="openai", model_ref="gpt-5"))
    assert set(rate_offer(home, WORKSPACE, NOON).providers) == {"openai"}


def test_a_negotiated_price_wins_for_its_workspace_alone(home: Home) -> None:
    write_book(home, rate(), rate(workspace_id=WORKSPACE, uncached_input_picousd_per_token=1_000_000))
    mine = rate_offer(home, WORKSPACE, NOON)
    others = rate_offer(home, "00000000-0000-4000-8000-000000000000", NOON)
    assert (mine.providers["anthropic"][0].input, others.providers["anthropic"][0].input) == (1.0, 3.0)


def test_kinds_without_a_price_cost_what_input_costs(home: Home) -> None:
    write_book(home, rate(cache_read_picousd_per_token=None, cache_write_5m_picousd_per_token=None))
    offered = rate_offer(home, WORKSPACE, NOON).providers["anthropic"][0]
    assert (offered.cache_read, offered.cache_write) == (3.0, 3.0)


def test_the_version_rises_when_a_dated_price_begins(home: Home) -> None:
    change = datetime(2026, 7, 2)  # noqa: DTZ001
    write_book(home, rate(valid_to=change), rate(valid_from=change, output_picousd_per_token=9_000_000))
    before, after = rate_offer(home, WORKSPACE, NOON), rate_offer(home, WORKSPACE, NOON + timedelta(days=1))
    assert after.rates_version > before.rates_version
    assert after.bundled_rates_date == "2026-07-02"


def test_the_version_rises_when_a_negotiated_price_ends(home: Home) -> None:
    own = rate(workspace_id=WORKSPACE, valid_to=datetime(2026, 7, 2), output_picousd_per_token=9_000_000)  # noqa: DTZ001
    write_book(home, rate(), own)
    before, after = rate_offer(home, WORKSPACE, NOON), rate_offer(home, WORKSPACE, NOON + timedelta(days=1))
    assert (before.providers["anthropic"][0].output, after.providers["anthropic"][0].output) == (9.0, 15.0)
    assert after.rates_version > before.rates_version


def test_the_version_rises_when_a_negotiated_price_is_withdrawn(home: Home) -> None:
    def offered(now: datetime, *own: Rate) -> tuple[int, float]:
        write_rate_book(home.exports / "rate_book.parquet", now=now, negotiated=own)
        offer = rate_offer(home, WORKSPACE, NOON)
        output = next(one.output for one in offer.providers["anthropic"] if one.model == "claude-haiku-4-5")
        return offer.rates_version, output

    prices = TokenRates(1_000_000, 100_000, 1_250_000, 2_000_000, 4_000_000)
    own = Rate("anthropic", "claude-haiku-4-5", "standard", 0, SINCE, UNTIL_FURTHER_NOTICE, prices, "negotiated",
               known_from=NOON - timedelta(hours=2), workspace_id=WORKSPACE)  # fmt: skip
    agreed = offered(NOON - timedelta(hours=2), own)
    assert offered(NOON - timedelta(hours=1), own) == agreed
    withdrawn = offered(NOON, *())
    assert (agreed[1], withdrawn[1]) == (4.0, 5.0)
    assert withdrawn[0] > agreed[0]


def test_of_overlapping_negotiated_prices_the_latest_known_is_offered(home: Home) -> None:
    later = {"workspace_id": WORKSPACE, "valid_from": datetime(2026, 6, 1)}  # noqa: DTZ001
    known_later = {"workspace_id": WORKSPACE, "known_from": datetime(2026, 6, 2)}  # noqa: DTZ001
    write_book(
        home,
        rate(**later, rate_id="a", output_picousd_per_token=9_000_000),
        rate(**known_later, rate_id="b", output_picousd_per_token=8_000_000),
    )
    assert rate_offer(home, WORKSPACE, NOON).providers["anthropic"][0].output == 8.0


@pytest.mark.parametrize("content", [None, b"", b"not parquet"])
def test_without_a_readable_rate_book_the_offer_is_one_nobody_applies(content: bytes | None, home: Home) -> None:
    if content is not None:
        home.exports.mkdir()
        (home.exports / "rate_book.parquet").write_bytes(content)
    assert rate_offer(home, WORKSPACE, NOON) is NO_OFFER


@on_sqlite
def test_only_a_paired_machine_is_told_prices(
    machine: Machine, tenants: Tenants, workspace_id: str, client: TestClient
) -> None:
    assert client.get("/v1/pricing/rates").status_code == 401
    machine.pair(tenants, workspace_id)
    answer = machine.call(path="/v1/pricing/rates")
    assert answer.status_code == 200
    assert msgspec.json.decode(answer.content, type=PricingRates) == NO_OFFER
