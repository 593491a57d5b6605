"""Records and batches as daemons send them, for any test that needs some."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

BASE = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)


def uuid_from(seed: object) -> str:
    """Return a uuid4-shaped id that only depends on `seed`."""
    return str(UUID(int=random.Random(repr(seed)).getrandbits(128), version=4))


def record(seed: object = 0, **changes: Any) -> dict[str, Any]:
    """Return a clean 29-key record; `changes` override keys, and may add unknown ones."""
    requested = BASE + timedelta(seconds=random.Random(repr(seed)).randrange(86_400))
    clean: dict[str, Any] = {
        "id": uuid_from(seed),
        "project": "acme-api",
        "provider": "anthropic",
        "model": "claude-sonnet-4-5-20250929",
        "input_tokens": 1200,
        "output_tokens": 340,
        "thinking_tokens": 0,
        "cached_tokens": 5000,
        "cache_write_tokens": 0,
        "cost_millicents": 1020,
        "cost_usd_minor_units": 1020,
        "fx_rate": None,
        "tokens_complete": True,
        "latency_ms": 256.8393669998841,
        "time_to_first_token_ms": 180,
        "requested_at": instant(requested),
        "recorded_at": instant(requested + timedelta(seconds=2)),
        "status": "success",
        "request_kind": "chat",
        "attribution_method": "git",
        "source_workdir": None,
        "source_machine": "vk.local",
        "prompt_hash": f"{random.Random(repr(seed)).getrandbits(256):064x}",
        "idempotency_key": None,
        "error_class": None,
        "provider_error_code": None,
        "http_status": 200,
        "retryable": None,
        "billing_basis": None,
    }
    if "cost_millicents" in changes and "cost_usd_minor_units" not in changes:
        changes["cost_usd_minor_units"] = changes["cost_millicents"]
    return clean | changes


def instant(at: datetime) -> str:
    """Write an instant as daemons do."""
    return at.isoformat().replace("+00:00", "Z")


def batch(records: list[Any], batch_id: str | None = None) -> bytes:
    """Encode a batch the way daemons do."""
    name = batch_id or uuid_from(("batch", len(records), json.dumps(records, default=str)))
    return json.dumps({"batch_id": name, "records": records}).encode()
