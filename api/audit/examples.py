"""Examples of the audit log's answers, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from api.audit.digests import SIGNED_TEXT

PAGE: Final[dict[str, Any]] = {
    "workspace": "acme-co",
    "build_id": "20260701T115900Z-1f2e3d4c",
    "data_as_of": "2026-07-01T11:58:31.204113Z",
    "stale": False,
    "time_zone": "Europe/London",
    "currency": "USD",
    "entries": [
        {
            "id": "5f0c2d3e-8a51-4f0e-9a43-1f2a7c1f2b11",
            "at": "2026-07-01T11:59:02.000113Z",
            "family": "membership",
            "event": "member.role_changed",
            "actor": {"type": "user", "id": "vk@acme.co", "name": None},
            "resource": {"type": "user", "id": "3d0c2f4e-2b0a-4c57-9f1a-6e1f3b6c1d22", "name": None},
            "details": {"email": "jo@acme.co", "from": "member", "to": "admin"},
            "position": 41,
            "hash": "6a1f0c3d5e7b9f81" * 4,
            "path": None,
        },
        {
            "id": "0f9d3c56-58a7-4a54-8f0e-5a3f6b1c2d4e",
            "at": "2026-07-01T11:58:30.000000Z",
            "family": "requests",
            "event": "request.captured",
            "actor": {"type": "device", "id": "7a0c1c36-59a1-4a2f-9d35-6a1f0a7b7c11", "name": "Build server"},
            "resource": {"type": "request", "id": "0f9d3c56-58a7-4a54-8f0e-5a3f6b1c2d4e", "name": None},
            "details": {"project": "acme-api", "provider": "anthropic", "cost_usd": "0.01234"},
            "position": None,
            "hash": None,
            "path": "/acme-co/traces/0f9d3c56-58a7-4a54-8f0e-5a3f6b1c2d4e",
        },
    ],
    "filter": {"family": None, "event": None, "actor": None, "search": None, "from_day": None, "to_day": None},
    "limit": 100,
    "next_cursor": None,
    "next_path": None,
    "csv_path": "/acme-co/audit.csv",
}
DIGESTS: Final[dict[str, Any]] = {
    "workspace": "acme-co",
    "public_key": "9d61b19deffd5a60" * 4,
    "signed_text": SIGNED_TEXT,
    "digests": [
        {
            "workspace_id": "1d9b6c4e-0a0f-4c27-8a74-2a3a1f7d9c10",
            "utc_day": "2026-07-01",
            "position": 41,
            "head": "6a1f0c3d5e7b9f81" * 4,
            "batch_position": 1203,
            "batch_head": "0b4d2a6c8e1f3957" * 4,
            "signed_at": "2026-07-01T00:04:11.000412Z",
            "public_key": "9d61b19deffd5a60" * 4,
            "signature": "e5564300c360ac72" * 8,
        }
    ],
}
