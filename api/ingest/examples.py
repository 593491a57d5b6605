"""Examples shown in the OpenAPI document for uploads and their accounts.

Belongs here: example messages only.
"""

from __future__ import annotations

from typing import Any, Final

RECORD: Final[dict[str, Any]] = {
    "id": "5b0f9c1e-6a56-4a2c-9d0e-2f4a8c1b7d11",
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
    "requested_at": "2026-11-01T09:30:00.123456Z",
    "recorded_at": "2026-11-01T09:30:02Z",
    "status": "success",
    "request_kind": "chat",
    "attribution_method": "git",
    "source_workdir": None,
    "source_machine": "vk.local",
    "prompt_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "idempotency_key": None,
    "error_class": None,
    "provider_error_code": None,
    "http_status": 200,
    "retryable": None,
    "billing_basis": None,
}
BATCH: Final[dict[str, Any]] = {"batch_id": "0b6e2c34-6c0f-4f7e-8a51-0f3f6f0c9a01", "records": [RECORD]}
RECEIPT: Final[dict[str, Any]] = {
    "batch_id": "0b6e2c34-6c0f-4f7e-8a51-0f3f6f0c9a01",
    "received": 500,
    "accepted": 497,
    "duplicates": 2,
    "withheld": [{"project": "old-client", "reason": "project_archived", "rows": 12}],
    "quarantined": [
        {
            "index": 41,
            "id": "2f1c0f5e-0f0f-4d8b-9b51-8f5f4e0c9a77",
            "code": "negative_number",
            "detail": "input_tokens is negative.",
        }
    ],
}
RECEIPTS: Final[dict[str, Any]] = {
    "receipts": [
        {
            "batch_id": "0b6e2c34-6c0f-4f7e-8a51-0f3f6f0c9a01",
            "received_at": "2026-11-01T09:30:05.000123Z",
            "state": "final",
            "received": 500,
            "landed": 480,
            "duplicate": 19,
            "quarantined": 1,
            "build_id": "b20261101T093010-1a2b3c4d",
            "records_sha256": "9f0c3b6f0e2f7f0f3a5d6c1b2e4a8d7c6b5a4938271605f4e3d2c1b0a9988776",
        }
    ]
}
BODY_LEG: Final[dict[str, Any]] = {
    "request_id": "5b0f9c1e-6a56-4a2c-9d0e-2f4a8c1b7d11",
    "direction": "request",
    "content_type": "application/json",
    "body_b64": "eyJtb2RlbCI6ICJjbGF1ZGUifQ==",
    "redaction_applied": True,
    "redaction_summary": ["api_key"],
    "original_size_bytes": 19,
}
BODY_STORED: Final[dict[str, Any]] = {"stored": False, "reason": "bodies are not stored by this server"}
DAEMON_TOTALS: Final[dict[str, Any]] = {
    "rows": [
        {
            "project": "acme-api",
            "date": "2026-11-01",
            "request_count": 412,
            "prompt_tokens": 1204431,
            "completion_tokens": 88120,
            "cost_usd_minor_units": 512345,
        }
    ]
}
