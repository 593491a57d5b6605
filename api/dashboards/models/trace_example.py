"""The example of a trace for the OpenAPI document.

Belongs here: one request of the workspace in `examples`. Does not belong here: shapes.
"""

from __future__ import annotations

from typing import Any, Final

from api.dashboards.models.examples import DEVICE, ROW, STAMP

TRACE: Final[dict[str, Any]] = {
    **STAMP,
    "request": {
        **ROW,
        "project_as_logged": "batch-summariser",
        "recorded_at": "2026-03-08T14:03:09.730000Z",
        "fx_rate": None,
        "source_workdir": None,
        "source_machine": "ada-laptop",
        "provider_error_code": None,
        "retryable": None,
        "billing_basis": None,
        "extra_json": '{"provider_request_id":"req_011CTxyz"}',
        "tokens": {"uncached_input": 1_200, "cache_read": 0, "cache_write_5m": 0, "cache_write_1h": 0, "output": 300},
        "token_kinds_inconsistent": False,
    },
    "withheld": None,
    "price": {
        "cost_logged_millicents": 810,
        "cost_priced_picousd": 8_100_000_000,
        "cost_priced_usd": "0.008100000000",
        "rate_id": "3f2a9c0d1e4b5a67",
        "rate_book_version": "2026-03-01",
        "rate": {
            "rate_id": "3f2a9c0d1e4b5a67",
            "provider": "anthropic",
            "model_ref": "claude-sonnet-4-5",
            "service_tier": "standard",
            "context_over_tokens": 0,
            "valid_from": "1970-01-01T00:00:00Z",
            "valid_to": "9999-12-31T00:00:00Z",
            "known_from": "2026-03-01T00:00:00Z",
            "source": "genai-prices",
            "negotiated": False,
        },
        "formula": [
            {"token_kind": "uncached_input", "tokens": 1_200, "picousd_per_token": 3_000_000, "picousd": 3_600_000_000},
            {"token_kind": "output", "tokens": 300, "picousd_per_token": 15_000_000, "picousd": 4_500_000_000},
        ],
        "formula_text": "1200 x 3000000 + 300 x 15000000 = 8100000000 picousd",
    },
    "batch": {
        "batch_id": "9c6b1f5e-2f0a-4d8c-b1c5-0d6f0a1b2c3d",
        "batch_key": "b7a0f4f2-6a3e-4b52-9d1f-3c2b1a0f9e8d",
        "position": 17,
        "received_at": "2026-03-08T14:03:31.004000Z",
        "received": 42,
        "landed": 42,
        "duplicate": 0,
        "quarantined": 0,
    },
    "file": {
        "file_seq": 118,
        "path": "0c9e…/2026-03-08/5d1f….parquet",
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "row_number": 17,
        "row_count": 42,
        "committed_at": "2026-03-08T14:03:31.090000Z",
        "stored_path": "0c9e…/2026-03-08/compacted-77ab….parquet",
        "stored_sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        "compacted_at": "2026-03-09T00:10:12.410000Z",
        "row_found": True,
    },
    "device": {
        "device_id": DEVICE,
        "name": "ada-laptop",
        "hostname": "ada-laptop",
        "platform": "Linux",
        "daemon_version": "0.6.4",
        "paired_at": "2026-01-05T09:00:00Z",
        "revoked_at": None,
    },
    "also_seen_from": [],
    "conflicts": [],
}
