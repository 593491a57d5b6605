"""Examples of messages about bills, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

_IDS: Final[dict[str, Any]] = {
    "id": "5f0c2d3e-8a51-4f0e-9a43-1f2a7c1f2b11",
    "connection_id": "0b9d3c56-58a7-4a54-8f0e-5a3f6b1c2d4e",
}
STATEMENT: Final[dict[str, Any]] = {
    "provider": "openai",
    "month": "2026-06",
    "lines": [
        {"amount": "1403.77", "description": "API usage"},
        {"amount": "25", "category": "credit", "description": "Promotional credit"},
        {"amount": "100.27", "category": "tax", "description": "Sales tax"},
    ],
    "note": "Invoice 2026-06-118",
}
BILL: Final[dict[str, Any]] = {
    **_IDS,
    "provider": "openai",
    "source": "manual",
    "first_day": "2026-06-01",
    "last_day": "2026-06-30",
    "revision": 1,
    "read_at": "2026-07-02T08:11:00Z",
    "read_by": "vk@acme.co",
    "superseded_at": None,
    "is_complete": True,
    "request_count": None,
    "lines": 3,
    "usd_by_category": {
        "credit": "-25.000000000000",
        "tax": "100.270000000000",
        "usage": "1403.770000000000",
    },
    "sha256": "6a1f0c3d5e7b9f81" * 4,
    "note": "Invoice 2026-06-118",
}
KEPT: Final[dict[str, Any]] = {"connection_id": _IDS["connection_id"], "new": 1, "restated": 0, "unchanged": 0}
LINE: Final[dict[str, Any]] = {
    "line_number": 1,
    "category": "usage",
    "model": None,
    "key_ref": None,
    "service_tier": None,
    "token_kind": None,
    "description": "API usage",
    "amount_usd": "1403.77",
    "list_amount_usd": None,
    "currency": "USD",
    "quantity": None,
    "requests": None,
}
NEW_CONNECTION: Final[dict[str, Any]] = {
    "kind": "anthropic_analytics",
    "name": "Anthropic, main organization",
    "start_day": "2026-05-01",
    "key": "sk-ant-admin01-…",
}
CONNECTION: Final[dict[str, Any]] = {
    "id": _IDS["connection_id"],
    "provider": "anthropic",
    "kind": "anthropic_analytics",
    "name": "Anthropic, main organization",
    "start_day": "2026-05-01",
    "has_key": True,
    "created_at": "2026-06-02T08:11:00Z",
    "created_by": "vk@acme.co",
    "ended_at": None,
    "last_attempt_at": "2026-07-02T00:31:00Z",
    "last_success_at": "2026-07-02T00:31:00Z",
    "last_error": None,
    "bills": 62,
    "first_day": "2026-05-01",
    "last_day": "2026-07-01",
}
TRIAL: Final[dict[str, Any]] = {
    "day": "2026-07-01", "works": True, "lines": 14, "billed_usd": "31.0827", "error": None,
}  # fmt: skip
