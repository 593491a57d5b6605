"""Examples of reconciliation and coverage for the OpenAPI document.

Belongs here: the same small imagined workspace as in `examples`, with a bill. Does not belong here: shapes.
"""

from __future__ import annotations

from typing import Any, Final

from api.dashboards.models.examples import ANSWER, DEVICE, RAIL, ROW, STAMP

_ENVELOPE: Final[dict[str, Any]] = {
    **STAMP,
    "analysis_id": "a20260309T061530-9c8b7a6d",
    "analysis_state": "ready",
    "is_behind": False,
    "filters": ANSWER["filters"],
    "ignored_filters": [],
}
_COMPARED: Final[dict[str, Any]] = {
    "requests": 42,
    "unpriced_requests": 1,
    "withheld_requests": 0,
    "logged_usd": "12.345670000000",
    "priced_usd": "12.345120000000",
    "awaiting_usd": "0.000000000000",
    "billed_usd": "12.300000000000",
    "variance_usd": "0.045670000000",
    "variance_percent": "0.37",
    "colour": "green",
    "source": "anthropic_analytics",
    "is_complete": True,
    "unit_suspect": None,
    "tax_usd": "0.000000000000",
    "prepaid_usd": "0.000000000000",
}
_PROVIDERS: Final[list[dict[str, Any]]] = [{**_COMPARED, "provider": "anthropic"}]
_MONTH: Final[dict[str, Any]] = {
    **_COMPARED,
    "month": "2026-03",
    "statements_across": 0,
    "providers": _PROVIDERS,
    "tiers": [
        {
            "attribution_method": "git",
            "requests": 42,
            "unpriced_requests": 1,
            "cost_usd": "12.34567",
            "share_percent": "100.00",
        }
    ],
    "path": f"/acme-co/reconciliation/2026-03?{RAIL}",
}
_DAY: Final[dict[str, Any]] = {
    **_COMPARED,
    "day": "2026-03-08",
    "billed_by": "day",
    "providers": _PROVIDERS,
    "path": f"/acme-co/reconciliation/days/2026-03-08?{RAIL}",
}
_PARTS: Final[list[dict[str, Any]]] = [
    {
        "part": "price_difference",
        "amount_usd": "0.000550000000",
        "requests": 1,
        "reasons": ["logged_at_another_price"],
    },
    {"part": "credits", "amount_usd": "0.045120000000", "requests": None, "reasons": ["stated_on_the_bill"]},
    {"part": "unexplained", "amount_usd": "0.000000000000", "requests": None, "reasons": ["everything_is_explained"]},
]
_UNITS: Final[list[dict[str, Any]]] = [
    {"unit": "requests", "billed": 43, "seen": 42, "covered": 42, "share_percent": "97.67", "is_over": False},
    {
        "unit": "tokens",
        "billed": 226_550,
        "seen": 226_550,
        "covered": 226_550,
        "share_percent": "100.00",
        "is_over": False,
    },
]

RECONCILIATION: Final[dict[str, Any]] = {**_ENVELOPE, "months": [_MONTH]}
RECONCILED_MONTH: Final[dict[str, Any]] = {
    **_ENVELOPE,
    "month": _MONTH,
    "parts": _PARTS,
    "restatements": [
        {
            "provider": "anthropic",
            "measure": "logged",
            "cause": "late_requests",
            "said_usd": "12.337570000000",
            "change_usd": "0.008100000000",
            "now_usd": "12.345670000000",
            "requests": 1,
            "closed_at": "2026-04-02T09:00:00Z",
        }
    ],
    "days": [_DAY],
}
RECONCILED_DAY: Final[dict[str, Any]] = {
    **_ENVELOPE,
    "day": _DAY,
    "billed": [
        {
            "provider": "anthropic",
            "first_day": "2026-03-08",
            "last_day": "2026-03-08",
            "variance_usd": "0.045670000000",
            "parts": _PARTS,
        }
    ],
    "requests": [
        {
            "request_id": ROW["request_id"],
            "requested_at": ROW["requested_at"],
            "project": "batch-summariser",
            "provider": "anthropic",
            "model": "claude-sonnet-4-5",
            "device_id": DEVICE,
            "device_name": "ada-laptop",
            "attribution_method": "git",
            "withheld_reason": None,
            "cause": "price_difference",
            "logged_usd": "0.008650000000",
            "priced_usd": "0.008100000000",
            "contribution_usd": "0.000550000000",
            "path": ROW["path"],
            "audit_path": f"/acme-co/audit?family=requests&search={ROW['request_id']}&from=2026-03-08&to=2026-03-08",
        }
    ],
    "limit": 100,
    "next_cursor": None,
    "next_path": None,
}
COVERAGE: Final[dict[str, Any]] = {
    **_ENVELOPE,
    "first_day": "2026-03-08",
    "last_day": "2026-03-08",
    "providers": [
        {
            "provider": "anthropic",
            "units": _UNITS,
            "keys": [{"key_ref": "apikey_01", "unknown_days": 0, "units": _UNITS}],
            "days": [{"day": "2026-03-08", "units": _UNITS}],
        }
    ],
}
