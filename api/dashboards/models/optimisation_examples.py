"""Examples of clusters and optimisation for the OpenAPI document.

Belongs here: the same small imagined workspace as in `examples`. Does not belong here: shapes.
"""

from __future__ import annotations

from typing import Any, Final

from api.dashboards.models.examples import ANSWER, STAMP

_ANALYSED: Final[dict[str, Any]] = {
    **STAMP,
    "analysis_id": "a20260309T061600-5f6e7d8c",
    "analysis_state": "ready",
    "is_behind": False,
}
_REQUEST: Final = "0f9d3c56-58a7-4a54-8f0e-5a3f6b1c2d4e"
_SAMPLES: Final = [{"request_id": _REQUEST, "path": f"/acme-co/traces/{_REQUEST}"}]
_HERE: Final[dict[str, Any]] = {"project": "batch-summariser", "display_name": "Batch summariser"}
_ONE: Final[dict[str, Any]] = {
    **_HERE,
    "cluster_id": "9f2c" * 16,
    "kind": "exact_duplicate",
    "prompt_hash": "5d41" * 16,
    "provider": "anthropic",
    "model": "claude-sonnet-4-6",
    "model_name": "Claude Sonnet 4.6",
    "requests": 12,
    "unpriced_requests": 0,
    "devices": [{"device_id": "3c1f7f7e-4c56-4a38-9b35-1d2d6a4f5b60", "name": "build-01"}],
    "projects": 1,
    "first_seen_at": "2026-03-02T08:00:00Z",
    "last_seen_at": "2026-03-08T09:30:00Z",
    "cost_usd": "0.240000000000",
    "repeat_cost_usd": "0.220000000000",
    "estimated_saving_usd": "0.220000000000",
    "evidence": {"repeats": 11},
    "sample_requests": _SAMPLES,
    "path": "/acme-co/clusters/" + "9f2c" * 16,
}
CLUSTERS: Final[dict[str, Any]] = {
    **_ANALYSED,
    "period": ANSWER["period"],
    "filters": ANSWER["filters"],
    "kind": None,
    "kinds": [
        {
            "kind": "exact_duplicate",
            "clusters": 1,
            "requests": 12,
            "repeat_cost_usd": "0.220000000000",
            "estimated_saving_usd": "0.220000000000",
        }
    ],
    "clusters": [_ONE],
    "limit": 100,
    "next_cursor": None,
    "next_path": None,
}
CLUSTER: Final[dict[str, Any]] = {**_ANALYSED, "cluster": _ONE, "related": []}
FINDINGS: Final[dict[str, Any]] = {
    **_ANALYSED,
    "filters": ANSWER["filters"],
    "saving_30d_usd": "42.500000000000",
    "open_findings": 1,
    "accepted_findings": 0,
    "findings": [
        {
            **_HERE,
            "finding_id": "7b1d" * 16,
            "check_id": "model_swap",
            "title": "Cheaper sibling model",
            "sentence": "Swap Claude Sonnet 4.6 → Claude Haiku 4.5 on batch-summariser and save $42/month."
            " Based on 4,287 requests in the last 30 days.",
            "state": "open",
            "decision_id": None,
            "provider": "anthropic",
            "model": "claude-sonnet-4-6",
            "other_model": "claude-haiku-4-5",
            "requests": 4287,
            "window_from": "2026-02-08",
            "window_until": "2026-03-09",
            "cost_usd": "63.750000000000",
            "saving_30d_usd": "42.500000000000",
            "counted_saving_usd": "42.500000000000",
            "overlaps_with": ["batch_api"],
            "confidence": "high",
            "confidence_reason": "100 % of the prompts are within 8,000 tokens and 99 % of the answers within 2,000;"
            " thinking is 0 % of the output, 0 % are tool calls and 0 % failed.",
            "evidence": {"large_input_requests": 0, "error_requests": 3},
            "sample_requests": _SAMPLES,
        }
    ],
    "limit": 100,
    "next_cursor": None,
}
_DECISION: Final[dict[str, Any]] = {
    "decision_id": "6f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9",
    "kind": "accept",
    "check_id": "model_swap",
    "project": "batch-summariser",
    "provider": "anthropic",
    "model": "claude-sonnet-4-6",
    "other_model": "claude-haiku-4-5",
    "finding_id": "7b1d" * 16,
    "quoted_saving_usd": "42.500000000000",
    "reason": "",
    "decided_by": "ada@acme.co",
    "decided_at": "2026-03-09T12:00:00Z",
    "withdrawn_by": None,
    "withdrawn_at": None,
}
CATALOG: Final[dict[str, Any]] = {
    **_ANALYSED,
    "filters": ANSWER["filters"],
    "checks": [
        {
            "check_id": "model_swap",
            "title": "Cheaper sibling model",
            "what": "Prompts, answers, thinking and errors that a cheaper model of the same family can take.",
            "fires_now": True,
            "is_suppressed": False,
            "history": [
                {
                    "window_from": "2026-02-08",
                    "window_until": "2026-03-09",
                    "findings": 1,
                    "projects": 1,
                    "requests": 4287,
                    "cost_usd": "63.750000000000",
                    "saving_usd": "42.500000000000",
                }
            ],
            "decisions": [_DECISION],
        }
    ],
}
SAVINGS: Final[dict[str, Any]] = {
    **_ANALYSED,
    "filters": ANSWER["filters"],
    "realised_usd": "38.200000000000",
    "regressed": 0,
    "savings": [
        {
            "decision_id": _DECISION["decision_id"],
            "check_id": "model_swap",
            "project": "batch-summariser",
            "provider": "anthropic",
            "model": "claude-sonnet-4-6",
            "other_model": "claude-haiku-4-5",
            "decided_at": "2026-03-09T12:00:00Z",
            "quoted_saving_usd": "42.500000000000",
            "state": "measured",
            "unit": "requests",
            "counted_with": None,
            "before_from": "2026-02-07",
            "before_until": "2026-03-08",
            "after_from": "2026-03-10",
            "after_until": "2026-04-06",
            "requests_before": 4287,
            "requests_after": 3900,
            "units_after": 3900,
            "units_compared": 3870,
            "before_per_1000_usd": "14.870000000000",
            "after_per_1000_usd": "5.000000000000",
            "saving_low_per_1000_usd": "9.400000000000",
            "saving_high_per_1000_usd": "10.300000000000",
            "realised_usd": "38.200000000000",
        }
    ],
}
