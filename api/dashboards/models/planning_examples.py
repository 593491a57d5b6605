"""Examples of forecast, anomalies, executive view and chargeback for the OpenAPI document.

Belongs here: the same small imagined workspace as in `examples`. Does not belong here: shapes.
"""

from __future__ import annotations

from typing import Any, Final

from api.dashboards.models.examples import ANSWER, RAIL, SPEND, STAMP

ANALYSED: Final[dict[str, Any]] = {
    "analysis_id": "a20260309T061600-5f6e7d8c",
    "analysed_build_id": "b20260309T061500-1f2e3d4c",
    "analysed_data_as_of": "2026-03-09T06:14:41.120000Z",
}
MONTH_END: Final[dict[str, Any]] = {
    "state": "forecast",
    "as_of_day": "2026-03-09",
    "history_days": 56,
    "spent_usd": "12.34567",
    "expected_usd": "41.20000",
    "low_usd": "36.10000",
    "high_usd": "46.30000",
}
FORECAST: Final[dict[str, Any]] = {
    **STAMP,
    **ANALYSED,
    "month": "2026-03-01",
    "forecasts": [
        {
            **MONTH_END,
            "scope": "workspace",
            "slug": "",
            "name": "",
            "requests": 42,
            "unpriced_requests": 1,
            "days": [
                {"day": "2026-03-09", "expected_usd": "13.50000", "low_usd": "12.34567", "high_usd": "14.70000"},
                {"day": "2026-03-31", "expected_usd": "41.20000", "low_usd": "36.10000", "high_usd": "46.30000"},
            ],
        }
    ],
}
_PROJECT: Final[dict[str, Any]] = {"project": "batch-summariser", "display_name": "Batch summariser"}
_PATH: Final = f"/acme-co/projects/batch-summariser?{RAIL}"
ANOMALIES: Final[dict[str, Any]] = {
    **ANSWER,
    **ANALYSED,
    "found": 1,
    "found_excess_usd": "8.30000",
    "anomalies": [
        {
            **_PROJECT,
            "anomaly_id": "9f2c" * 16,
            "provider": "anthropic",
            "model": "claude-sonnet-4-5",
            "model_name": "Claude Sonnet 4.5",
            "hour_starts_at": "2026-03-08T14:00:00Z",
            "baseline": "hour_of_week",
            "weeks_compared": 8,
            "requests": 30,
            "unpriced_requests": 0,
            "spent_usd": "9.10000",
            "expected_usd": "0.80000",
            "limit_usd": "2.40000",
            "excess_usd": "8.30000",
            "excess_percent": "1037.50",
            "sample_requests": [
                {
                    "request_id": "0f9d3c56-58a7-4a54-8f0e-5a3f6b1c2d4e",
                    "path": "/acme-co/traces/0f9d3c56-58a7-4a54-8f0e-5a3f6b1c2d4e",
                }
            ],
        }
    ],
    "next_cursor": None,
}
EXECUTIVE: Final[dict[str, Any]] = {
    **ANSWER,
    **ANALYSED,
    "this_month": {**SPEND, "from_day": "2026-03-01", "to_day": "2026-03-31"},
    "last_month": {**SPEND, "from_day": "2026-02-01", "to_day": "2026-02-28"},
    "year_to_date": {**SPEND, "from_day": "2026-01-01", "to_day": "2026-03-31"},
    "change": {
        "cost_usd": "12.34567",
        "previous_cost_usd": "11.00000",
        "change_usd": "1.34567",
        "change_percent": "12.23",
        "previous_first_day": "2026-03-07",
        "previous_last_day": "2026-03-07",
    },
    "top_projects": [{**SPEND, **_PROJECT, "share_percent": "100.00", "path": _PATH}],
    "reconciliation": [
        {
            "month": "2026-02-01",
            "logged_usd": "342.180000000000",
            "awaiting_usd": "0.000000000000",
            "billed_usd": "342.040000000000",
            "variance_usd": "0.140000000000",
            "variance_percent": "0.04",
            "colour": "green",
            "unit_suspect": None,
        }
    ],
}
CHARGEBACK: Final[dict[str, Any]] = {
    **ANSWER,
    "charge_usd": "14.19752",
    "markup_usd": "1.85185",
    "cost_centres": [
        {
            **SPEND,
            "cost_centre": "client-work",
            "name": "Client Work",
            "share_percent": "100.00",
            "markup_usd": "1.85185",
            "charge_usd": "14.19752",
            "projects": [
                {
                    **SPEND,
                    **_PROJECT,
                    "client_name": "Globex",
                    "basis": "markup",
                    "markup_percent": "15.00",
                    "markup_usd": "1.85185",
                    "charge_usd": "14.19752",
                    "hourly_rate": {"amount": "120.00", "currency": "USD", "hours_of_cost": "0.10"},
                    "path": _PATH,
                }
            ],
        }
    ],
}
