"""Examples of answers for the OpenAPI document.

Belongs here: one example a route, of one small imagined workspace. Does not belong here: shapes, and the long example
of a trace (`trace_example`). A test holds every example against its model.
"""

from __future__ import annotations

from typing import Any, Final

DEVICE: Final = "7f1c0f0e-3b1e-4e1c-9a51-0a4f2b6d9c11"
_REQUEST: Final = "0f9d3c56-58a7-4a54-8f0e-5a3f6b1c2d4e"
RAIL: Final = "range=custom&from=2026-03-08&to=2026-03-08"

SPEND: Final[dict[str, Any]] = {
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
STAMP: Final[dict[str, Any]] = {
    "workspace": "acme-co",
    "build_id": "b20260309T061500-1f2e3d4c",
    "data_as_of": "2026-03-09T06:14:41.120000Z",
    "stale": False,
    "time_zone": "America/New_York",
    "currency": "USD",
}
ANSWER: Final[dict[str, Any]] = {
    **STAMP,
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
        "cost_center": [],
        "query_string": RAIL,
    },
    "totals": {
        **SPEND,
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
ROW: Final[dict[str, Any]] = {
    "request_id": _REQUEST,
    "requested_at": "2026-03-08T14:03:07.412000Z",
    "received_at": "2026-03-08T14:03:31.004000Z",
    "project": "batch-summariser",
    "provider": "anthropic",
    "model": "claude-sonnet-4-5",
    "device_id": DEVICE,
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
    **SPEND,
    "cost_per_request_usd": "0.30111390",
}
_DAYS: Final[dict[str, Any]] = {**_POINT, "first_day": "2026-03-08", "last_day": "2026-03-08"}

OVERVIEW: Final[dict[str, Any]] = {
    **ANSWER,
    "headline": {
        "today": {**SPEND, "from": "2026-03-09", "to": "2026-03-09"},
        "this_month": {**SPEND, "from": "2026-03-01", "to": "2026-03-31"},
        "last_month": {**SPEND, "from": "2026-02-01", "to": "2026-02-28"},
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
            **SPEND,
            "project": "batch-summariser",
            "display_name": "Batch summariser",
            "share_percent": "100.00",
            "path": f"/acme-co/projects/batch-summariser?{RAIL}",
        }
    ],
    "top_models": [
        {
            **SPEND,
            "provider": "anthropic",
            "model": "claude-sonnet-4-5",
            "display_name": "Claude Sonnet 4.5",
            "share_percent": "100.00",
            "path": f"/acme-co/requests?{RAIL}&provider=anthropic&model=claude-sonnet-4-5",
        }
    ],
    "sync": _SYNC,
}

PROJECTS: Final[dict[str, Any]] = {
    **ANSWER,
    "projects": [
        {
            **SPEND,
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
            "path": f"/acme-co/projects/batch-summariser?{RAIL}",
        }
    ],
}

PROJECT: Final[dict[str, Any]] = {
    **ANSWER,
    "filters": {
        **ANSWER["filters"],
        "project": ["batch-summariser"],
        "query_string": f"{RAIL}&project=batch-summariser",
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
            **SPEND,
            "device_id": DEVICE,
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
            **SPEND,
            "provider": "anthropic",
            "model": "claude-sonnet-4-5",
            "display_name": "Claude Sonnet 4.5",
            "share_percent": "100.00",
            "cost_per_request_usd": "0.30111390",
            "tokens": _TOKENS,
        }
    ],
    "recent_requests": [ROW],
}

REQUESTS: Final[dict[str, Any]] = {
    **ANSWER,
    "requests": [ROW],
    "limit": 1,
    "search": None,
    "next_cursor": "cjE6MTc3Mjk3ODU4NzQxMjAwMDowZjlkM2M1NjU4YTc0YTU0OGYwZTVhM2Y2YjFjMmQ0ZQ",
    "next_path": f"/acme-co/requests?{RAIL}"
    "&cursor=cjE6MTc3Mjk3ODU4NzQxMjAwMDowZjlkM2M1NjU4YTc0YTU0OGYwZTVhM2Y2YjFjMmQ0ZQ&limit=1",
    "csv_path": f"/acme-co/requests.csv?{RAIL}",
}

DEVICES: Final[dict[str, Any]] = {
    **ANSWER,
    "sync": _SYNC,
    "devices": [
        {
            **SPEND,
            "device_id": DEVICE,
            "name": "ada-laptop",
            "hostname": "ada-laptop",
            "platform": "Linux",
            "daemon_version": "0.6.4",
            "state": "ACTIVE",
            "instances": 1,
            "machines": ["ada-laptop"],
            "paired_at": "2026-01-05T09:00:00Z",
            "revoked_at": None,
            "revoked_reason": None,
            "last_seen_at": "2026-03-09T06:14:41.120000Z",
            "last_sync_at": "2026-03-09T06:14:41.120000Z",
            "share_percent": "100.00",
        }
    ],
}

FILTERS: Final[dict[str, Any]] = {
    **ANSWER,
    "ranges": ["last_24h", "last_7d", "last_30d", "this_month", "last_month", "custom"],
    "providers": ["anthropic"],
    "models": [{"provider": "anthropic", "model": "claude-sonnet-4-5", "display_name": "Claude Sonnet 4.5"}],
    "projects": [{"project": "batch-summariser", "display_name": "Batch summariser"}],
    "devices": [{"device_id": DEVICE, "name": "ada-laptop"}],
    "cost_centers": [{"cost_center": "client-work", "name": "Client Work"}],
}
