"""Examples of answers for the OpenAPI document.

Belongs here: one example a route, of one small imagined workspace. Does not belong here: shapes. A test holds every
example against its model.
"""

from __future__ import annotations

from typing import Any, Final

_DEVICE: Final = "7f1c0f0e-3b1e-4e1c-9a51-0a4f2b6d9c11"
_REQUEST: Final = "0f9d3c56-58a7-4a54-8f0e-5a3f6b1c2d4e"
_RAIL: Final = "range=custom&from=2026-03-08&to=2026-03-08"

_SPEND: Final[dict[str, Any]] = {
    "cost_usd": "12.34567",
    "subscription_imputed_usd": "0.00000",
    "imported_usd": "0.00000",
    "other_basis_usd": "0.00000",
    "requests": 42,
    "unpriced_requests": 1,
}
_TOKENS: Final[dict[str, int]] = {
    "uncached_input": 151_200,
    "cache_read": 48_000,
    "cache_write_5m": 6_000,
    "cache_write_1h": 0,
    "output": 21_350,
}
_STAMP: Final[dict[str, Any]] = {
    "workspace": "acme-co",
    "build_id": "b20260309T061500-1f2e3d4c",
    "data_as_of": "2026-03-09T06:14:41.120000Z",
    "stale": False,
    "time_zone": "America/New_York",
    "currency": "USD",
}
_ANSWER: Final[dict[str, Any]] = {
    **_STAMP,
    "period": {
        "first_day": "2026-03-08",
        "last_day": "2026-03-08",
        "starts_at": "2026-03-08T05:00:00Z",
        "ends_at": "2026-03-09T04:00:00Z",
    },
    "filters": {
        "range": "custom",
        "from": "2026-03-08",
        "to": "2026-03-08",
        "provider": [],
        "model": [],
        "project": [],
        "device": [],
        "query_string": _RAIL,
    },
    "totals": {
        **_SPEND,
        "unrated_requests": 1,
        "error_requests": 2,
        "cost_priced_usd": "12.345120000000",
        "input_tokens": 151_200,
        "output_tokens": 21_350,
        "thinking_tokens": 4_100,
        "cached_tokens": 48_000,
        "cache_write_tokens": 6_000,
        "tokens": _TOKENS,
    },
    "withheld_requests": 0,
}
_SYNC: Final[dict[str, Any]] = {
    "colour": "green",
    "devices": 3,
    "active": 3,
    "degraded": 0,
    "paused": 0,
    "not_configured": 0,
}
_ROW: Final[dict[str, Any]] = {
    "request_id": _REQUEST,
    "requested_at": "2026-03-08T14:03:07.412000Z",
    "received_at": "2026-03-08T14:03:31.004000Z",
    "project": "batch-summariser",
    "provider": "anthropic",
    "model": "claude-sonnet-4-5",
    "device_id": _DEVICE,
    "device_name": "ada-laptop",
    "status": "success",
    "request_kind": "chat",
    "spend_kind": "metered",
    "cost_usd": "0.00810",
    "subscription_imputed_usd": None,
    "imported_usd": None,
    "other_basis_usd": None,
    "cost_priced_usd": "0.008100000000",
    "input_tokens": 1_200,
    "output_tokens": 300,
    "thinking_tokens": 0,
    "cached_tokens": 0,
    "cache_write_tokens": 0,
    "tokens_complete": True,
    "latency_ms": 2_310.4,
    "time_to_first_token_ms": 480,
    "error_class": None,
    "http_status": 200,
    "attribution_method": "git",
    "prompt_hash": None,
    "idempotency_key": None,
    "provider_request_id": "req_011CTxyz",
    "path": f"/acme-co/traces/{_REQUEST}",
}
_POINT: Final[dict[str, Any]] = {
    **_SPEND,
    "cost_per_request_usd": "0.30111390",
}
_DAYS: Final[dict[str, Any]] = {**_POINT, "first_day": "2026-03-08", "last_day": "2026-03-08"}

OVERVIEW: Final[dict[str, Any]] = {
    **_ANSWER,
    "headline": {
        "today": {**_SPEND, "from": "2026-03-09", "to": "2026-03-09"},
        "this_month": {**_SPEND, "from": "2026-03-01", "to": "2026-03-31"},
        "last_month": {**_SPEND, "from": "2026-02-01", "to": "2026-02-28"},
    },
    "budget": {
        "monthly_budget_usd": "300.00000",
        "spent_usd": "12.34567",
        "variance_usd": "-287.65433",
        "used_percent": "4.12",
        "variance_percent": "-95.88",
        "unpriced_requests": 1,
    },
    "daily": {
        "bucket": "day",
        "providers": ["anthropic", "openai"],
        "points": [
            {
                "day": "2026-03-08",
                "starts_at": "2026-03-08T05:00:00Z",
                "cost_usd": "12.34567",
                "requests": 42,
                "unpriced_requests": 1,
                "by_provider": [
                    {"provider": "anthropic", "cost_usd": "10.00000"},
                    {"provider": "openai", "cost_usd": "2.34567"},
                ],
                "baseline_day": "2026-03-07",
                "baseline_starts_at": "2026-03-07T05:00:00Z",
                "baseline_cost_usd": "11.00000",
            }
        ],
        "baseline_cost_usd": "11.00000",
        "change_percent": "12.23",
    },
    "top_projects": [
        {
            **_SPEND,
            "project": "batch-summariser",
            "display_name": "Batch summariser",
            "share_percent": "100.00",
            "path": f"/acme-co/projects/batch-summariser?{_RAIL}",
        }
    ],
    "top_models": [
        {
            **_SPEND,
            "provider": "anthropic",
            "model": "claude-sonnet-4-5",
            "display_name": "Claude Sonnet 4.5",
            "share_percent": "100.00",
            "path": f"/acme-co/requests?{_RAIL}&provider=anthropic&model=claude-sonnet-4-5",
        }
    ],
    "sync": _SYNC,
}

PROJECTS: Final[dict[str, Any]] = {
    **_ANSWER,
    "projects": [
        {
            **_SPEND,
            "project": "batch-summariser",
            "display_name": "Batch summariser",
            "client_name": "Globex",
            "state": "active",
            "withheld_requests": 0,
            "previous_cost_usd": "11.00000",
            "change_usd": "1.34567",
            "change_percent": "12.23",
            "share_percent": "100.00",
            "last_active_day": "2026-03-09",
            "path": f"/acme-co/projects/batch-summariser?{_RAIL}",
        }
    ],
}

PROJECT: Final[dict[str, Any]] = {
    **_ANSWER,
    "filters": {
        **_ANSWER["filters"],
        "project": ["batch-summariser"],
        "query_string": f"{_RAIL}&project=batch-summariser",
    },
    "project": {
        "project": "batch-summariser",
        "display_name": "Batch summariser",
        "client_name": "Globex",
        "state": "active",
        "first_seen_at": "2026-01-05T09:12:00Z",
        "archived_at": None,
    },
    "previous_cost_usd": "11.00000",
    "change_percent": "12.23",
    "spend_over_time": {
        "daily": [{**_POINT, "day": "2026-03-08"}],
        "weekly": [{**_DAYS, "starts_on": "2026-03-02"}],
        "monthly": [{**_DAYS, "starts_on": "2026-03-01"}],
    },
    "by_device": [
        {
            **_SPEND,
            "device_id": _DEVICE,
            "name": "ada-laptop",
            "share_percent": "100.00",
            "last_7_days_usd": "40.00000",
            "previous_7_days_usd": "20.00000",
            "week_over_week_usd": "20.00000",
            "week_over_week_percent": "100.00",
        }
    ],
    "by_model": [
        {
            **_SPEND,
            "provider": "anthropic",
            "model": "claude-sonnet-4-5",
            "display_name": "Claude Sonnet 4.5",
            "share_percent": "100.00",
            "cost_per_request_usd": "0.30111390",
            "tokens": _TOKENS,
        }
    ],
    "recent_requests": [_ROW],
}

REQUESTS: Final[dict[str, Any]] = {
    **_ANSWER,
    "requests": [_ROW],
    "limit": 1,
    "search": None,
    "next_cursor": "cjE6MTc3Mjk3ODU4NzQxMjAwMDowZjlkM2M1NjU4YTc0YTU0OGYwZTVhM2Y2YjFjMmQ0ZQ",
    "next_path": f"/acme-co/requests?{_RAIL}"
    "&cursor=cjE6MTc3Mjk3ODU4NzQxMjAwMDowZjlkM2M1NjU4YTc0YTU0OGYwZTVhM2Y2YjFjMmQ0ZQ&limit=1",
    "csv_path": f"/acme-co/requests.csv?{_RAIL}",
}

DEVICES: Final[dict[str, Any]] = {
    **_ANSWER,
    "sync": _SYNC,
    "devices": [
        {
            **_SPEND,
            "device_id": _DEVICE,
            "name": "ada-laptop",
            "hostname": "ada-laptop",
            "platform": "Linux",
            "daemon_version": "0.6.4",
            "state": "ACTIVE",
            "paired_at": "2026-01-05T09:00:00Z",
            "revoked_at": None,
            "last_seen_at": "2026-03-09T06:14:41.120000Z",
            "last_sync_at": "2026-03-09T06:14:41.120000Z",
            "share_percent": "100.00",
        }
    ],
}

FILTERS: Final[dict[str, Any]] = {
    **_ANSWER,
    "ranges": ["last_24h", "last_7d", "last_30d", "this_month", "last_month", "custom"],
    "providers": ["anthropic"],
    "models": [{"provider": "anthropic", "model": "claude-sonnet-4-5", "display_name": "Claude Sonnet 4.5"}],
    "projects": [{"project": "batch-summariser", "display_name": "Batch summariser"}],
    "devices": [{"device_id": _DEVICE, "name": "ada-laptop"}],
}

TRACE: Final[dict[str, Any]] = {
    **_STAMP,
    "request": {
        **_ROW,
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
        "row_found": True,
    },
    "device": {
        "device_id": _DEVICE,
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
