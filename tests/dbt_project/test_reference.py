"""The SQL and the plain Python reference put the same price on the same call."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.lake.pricing import RateIndex, TokenKinds, extra_values, price_picousd, token_kinds
from pipelines.lake.rate_book import SINCE_EVER, UNTIL_FURTHER_NOTICE, Rate, TokenRates
from pipelines.lake.rate_book_file import read_rate_book
from pipelines.rates.aliases import resolve_model
from tests.dbt_project.lake_builder import NOW, Lake, named_uuid
from tests.dbt_project.warehouse import Warehouse

MODELS = [
    ("anthropic", "claude-sonnet-4-5-20250929"),
    ("anthropic", "claude-opus-4-6"),
    ("openai", "gpt-5"),
    ("openai", "gpt-5.4"),
    ("openai", "text-embedding-3-small"),
    ("gemini", "gemini-2.5-pro"),
    ("gemini", "claude-sonnet-5"),
    ("xai", "grok-4"),
    ("groq", "llama-3.3-70b-versatile"),
    ("groq", "whisper-large-v3"),
    ("acme", "mystery-1"),
]
EXTRAS = [
    None,
    '{"service_tier": "batch"}',
    '{"service_tier": "PRIORITY"}',
    '{"service_tier": "flex", "cache_write_1h_tokens": 500}',
    '{"service_tier": "default", "cache_write_1h_tokens": 5}',
    '{"service_tier": ["batch"], "cache_write_1h_tokens": 5.5}',
    '{"cache_write_1h_tokens": -3}',
    '{"cache_write_1h_tokens": 18446744073709551616}',
    "[1]",
    '"text"',
]
COUNTS = [0, 1, 999, 60_000, 150_000, 199_999, 200_000, 200_001, 272_001]


def contract(model_ref: str, **values: Any) -> Rate:
    defaults: dict[str, Any] = {
        "provider": "openai",
        "model_ref": model_ref,
        "service_tier": "standard",
        "context_over_tokens": 0,
        "valid_from": SINCE_EVER,
        "valid_to": UNTIL_FURTHER_NOTICE,
        "rates": TokenRates(1_000_000, 100_000, None, 1_000_000, 9_000_000),
        "source": "contract",
        "known_from": NOW,
        "workspace_id": named_uuid("acme"),
    }
    return Rate(**(defaults | values))


NEGOTIATED = [
    contract("gpt-5"),
    contract("gpt-5", known_from=NOW - timedelta(days=9), rates=TokenRates(7, 7, 7, 7, 7)),
    contract("gpt-5", service_tier="batch", valid_to=datetime(2026, 10, 20, tzinfo=UTC)),
    contract("gpt-5.4", context_over_tokens=100_000, valid_from=datetime(2026, 10, 1, tzinfo=UTC)),
    contract("text-embedding-3-small", workspace_id=named_uuid("other"), service_tier="priority"),
]


def random_call(lake: Lake, dice: random.Random) -> dict[str, Any]:
    provider, model = dice.choice(MODELS)
    kinds = ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens")
    counts: dict[str, Any] = {kind: dice.choice(COUNTS) for kind in kinds}
    return lake.row(
        dice.choice(["acme", "other"]),
        provider=provider,
        model=model,
        requested_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=dice.randrange(24 * 320)),
        extra_json=dice.choice(EXTRAS),
        **counts,
    )


def expected(row: dict[str, Any], book: RateIndex, tiers: set[str]) -> tuple[TokenKinds, str | None, int | None]:
    tier, one_hour = extra_values(row["extra_json"])
    names = ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens")
    kinds = token_kinds(row["provider"], one_hour_tokens=one_hour, **{name: row[name] for name in names})
    ref = resolve_model(row["provider"], row["model"]).model_ref
    rate = ref and book.find(
        provider=row["provider"],
        model_ref=ref,
        service_tier=tier if tier in tiers else None,
        at=row["requested_at"],
        total_input=kinds.total_input,
        workspace_id=row["workspace_id"],
    )
    return (kinds, rate.rate_id, price_picousd(kinds, rate.rates)) if rate else (kinds, None, None)


def test_every_call_has_the_reference_price(lake: Lake, warehouse: Warehouse):
    dice = random.Random(20261121)
    rows = [random_call(lake, dice) for _ in range(3000)]
    lake.negotiated = NEGOTIATED
    lake.land(*rows)
    warehouse.build()
    rates = read_rate_book(lake.root / "exports" / "rate_book.parquet")
    book, tiers = RateIndex(rates), {rate.service_tier for rate in rates}
    found = {
        str(row["request_id"]): (
            TokenKinds(
                row["uncached_input_tokens"],
                row["cache_read_tokens"],
                row["cache_write_5m_tokens"],
                row["cache_write_1h_tokens"],
                row["billable_output_tokens"],
                row["token_kinds_inconsistent"],
            ),
            row["rate_id"],
            row["cost_priced_picousd"],
        )
        for row in warehouse.query("select * from fct_requests")
    }
    assert found == {row["request_id"]: expected(row, book, tiers) for row in rows}
    priced = [price for _, _, price in found.values()]
    assert priced.count(None) < len(priced) / 2
    assert {rate.rate_id for rate in NEGOTIATED[:1] + NEGOTIATED[2:]} <= {rate_id for _, rate_id, _ in found.values()}
