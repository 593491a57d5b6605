"""Requests as Python values, and plain sums to hold answers against, computed by another way than the marts'."""

from __future__ import annotations

import json
import random
import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

NOW = datetime(2026, 4, 7, 3, 10, 30, tzinfo=UTC)
"""Within 30 days after New York went forward (8 March) and 3 days after Lord Howe went back by half an hour."""
ZONES = {"acme": "America/New_York", "island": "Australia/Lord_Howe", "hills": "Asia/Kathmandu"}
MODELS = (
    ("anthropic", "claude-sonnet-4-5"),
    ("anthropic", "claude-haiku-4-5"),
    ("openai", "gpt-5"),
    ("openai", "gpt-5-mini"),
    ("gemini", "gemini-3-pro"),
    ("xai", "grok-5"),
    ("groq", "llama, the 4th"),
)
PROJECTS = ("web", "batch-summariser", "team/app", "=cmd()", None, "archived", "ceiling")
ARCHIVED_AT = NOW - timedelta(days=20)
NOT_SHARED = "(not shared)"
KINDS = {"metered": "cost_usd", "subscription_imputed": "subscription_imputed_usd", "imported": "imported_usd"}
TOKENS = ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens", "cache_write_tokens")
KIND_TOKENS = {
    "uncached_input": "uncached_input_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write_5m": "cache_write_5m_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "output": "billable_output_tokens",
}
RATE_ID = "rate-1"
RATES = {
    "uncached_input": 3_000_000,
    "cache_read": 300_000,
    "cache_write_5m": 3_750_000,
    "cache_write_1h": 6_000_000,
    "output": 15_000_000,
}

RequestFact = dict[str, Any]
"""One request: the columns of a fact, instants aware, ids as text."""


def identifier(*parts: object) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(map(str, parts))))


def workspace_id(slug: str) -> str:
    return identifier("workspace", slug)


def device_id(slug: str, number: int) -> str:
    return identifier("device", slug, number)


def usd(millicents: int) -> str:
    return format(Decimal(millicents).scaleb(-5), "f")


def spend_of(rows: Iterable[RequestFact]) -> dict[str, Any]:
    """Return what `Spend` shows of rows."""
    rows = list(rows)
    sums: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        sums[KINDS.get(row["spend_kind"], "other_basis_usd")] += row["cost_logged_millicents"] or 0
    money = {name: usd(sums[name]) for name in (*KINDS.values(), "other_basis_usd")}
    unpriced = sum(row["cost_logged_millicents"] is None for row in rows)
    return {**money, "requests": len(rows), "unpriced_requests": unpriced}


def totals_of(rows: Iterable[RequestFact]) -> dict[str, Any]:
    """Return what `totals` shows of rows."""
    rows = list(rows)
    priced = sum(row["cost_priced_picousd"] or 0 for row in rows if row["spend_kind"] == "metered")
    return {
        **spend_of(rows),
        "unrated_requests": sum(row["cost_priced_picousd"] is None for row in rows),
        "error_requests": sum(row["status"] != "success" for row in rows),
        "cost_priced_usd": format(Decimal(priced).scaleb(-12), "f"),
        **{name: sum(row[name] for row in rows) for name in TOKENS},
        "tokens": {kind: sum(row[column] for row in rows) for kind, column in KIND_TOKENS.items()},
    }


def metered(rows: Iterable[RequestFact]) -> Decimal:
    amounts = (row["cost_logged_millicents"] or 0 for row in rows if row["spend_kind"] == "metered")
    return Decimal(sum(amounts)).scaleb(-5)


def picked(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the `Spend` fields of an answer's part."""
    return {name: answer[name] for name in spend_of([])}


def generate(slug: str, count: int) -> list[RequestFact]:
    # The same numbers in every workspace: shared request ids must stay apart.
    dice = random.Random(7)
    return [one_request(slug, number, dice) for number in range(count)]


def one_request(slug: str, number: int, dice: random.Random) -> RequestFact:
    recent = dice.random() < 0.2
    ago = timedelta(seconds=dice.randrange(26 * 3600 if recent else 75 * 86_400))
    requested_at = NOW - ago
    if dice.random() < 0.3:  # ties, on the edges of buckets and days
        requested_at = requested_at.replace(minute=dice.choice((0, 15, 30, 45)), second=0, microsecond=0)
    elif dice.random() < 0.3:
        day = NOW.replace(minute=0, second=0) - timedelta(days=dice.randrange(1, 11))
        requested_at = day.replace(hour=dice.choice((0, 4, 23)))
    if number % 97 == 0:  # a laptop whose clock runs ahead
        requested_at = NOW + timedelta(hours=dice.randrange(1, 40))
    provider, model = dice.choice(MODELS)
    project = dice.choice(PROJECTS)
    received_at = max(requested_at, NOW - timedelta(days=75)) + timedelta(seconds=30)
    uncached, read, short, long, output = (dice.randrange(5_000) for _ in range(5))
    unrated = dice.random() < 0.05
    amounts = zip((uncached, read, short, long, output), RATES.values(), strict=True)
    return {
        "request_id": identifier("request", number),
        "workspace_id": workspace_id(slug),
        "device_id": device_id(slug, dice.randrange(3)),
        "batch_key": identifier("batch", slug, number // 50),
        "row_index": number % 50,
        "received_at": received_at,
        "project": project or NOT_SHARED,
        "provider": provider,
        "model": model,
        "input_tokens": uncached,
        "output_tokens": output,
        "thinking_tokens": dice.randrange(100),
        "cached_tokens": read,
        "cache_write_tokens": short + long,
        "cost_logged_millicents": None if dice.random() < 0.05 else dice.randrange(2_000),
        "fx_rate": None,
        "tokens_complete": dice.random() < 0.9,
        "latency_ms": dice.random() * 3_000,
        "time_to_first_token_ms": dice.choice((None, 120)),
        "requested_at": requested_at,
        "recorded_at": requested_at + timedelta(seconds=1),
        "status": dice.choice(("success", "success", "success", "error")),
        "request_kind": dice.choice(("chat", None)),
        "attribution_method": "git",
        "source_workdir": None,
        "source_machine": "@host",
        "prompt_hash": f"{number:064x}",
        "idempotency_key": dice.choice((None, f"key-{number:04d}", f"+key-{number:04d}")),
        "error_class": None,
        "provider_error_code": None,
        "http_status": 200,
        "retryable": None,
        "billing_basis": None,
        "extra_json": json.dumps({"provider_request_id": f"req_{number}"}) if number % 3 else "{not json",
        "uncached_input_tokens": uncached,
        "cache_read_tokens": read,
        "cache_write_5m_tokens": short,
        "cache_write_1h_tokens": long,
        "billable_output_tokens": output,
        "token_kinds_inconsistent": False,
        "service_tier": "standard",
        "model_ref": model,
        "rate_id": None if unrated else RATE_ID,
        "cost_priced_picousd": None if unrated else sum(tokens * rate for tokens, rate in amounts),
        "spend_kind": dice.choice(("metered",) * 8 + ("subscription_imputed", "imported", "prepaid")),
        "withheld_reason": withheld_reason(project, received_at),
        "file_seq": list(ZONES).index(slug) + 1,
        "file_row_number": number,
    }


def withheld_reason(project: str | None, received_at: datetime) -> str | None:
    if project == "ceiling":
        return "plan_project_ceiling"
    return "project_archived" if project == "archived" and received_at >= ARCHIVED_AT else None
