"""Anthropic's billing interfaces over the ledger: analytics (beta), and the earlier cost and usage reports."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.billing_fakes.ledger import Fake, Used, grouped, page, refused

TOKEN_TYPE = {
    "uncached_input": "uncached_input_tokens",
    "cache_read": "cache_read_input_tokens",
    "cache_write_5m": "cache_creation.ephemeral_5m_input_tokens",
    "cache_write_1h": "cache_creation.ephemeral_1h_input_tokens",
    "output": "output_tokens",
}
FIELD = {"model": "model", "api_key_id": "key", "service_tier": "tier", "token_type": "kind"}


def anthropic_app(fake: Fake) -> Starlette:  # noqa: C901 - two interfaces of two routes each
    """Return the fake as an ASGI application."""

    def analytics_cost(request: Request) -> Response:
        return fake.refusal(request, request.headers.get("x-api-key")) or analytics(request, is_cost=True)

    def analytics_usage(request: Request) -> Response:
        key = request.headers.get("x-api-key")
        return fake.refusal(request, key, is_usage=True) or analytics(request, is_cost=False)

    def analytics(request: Request, *, is_cost: bool) -> Response:
        if request.headers.get("anthropic-beta") != "analytics-usage-cost-2026-08-24":
            return refused(400, "invalid_request_error", "a beta header is needed")
        span = _span(request)
        limit = int(request.query_params.get("limit", "20"))
        groups = request.query_params.getlist("group_by[]")
        if span is None or span[0] < date(2026, 1, 1) or not 1 <= limit <= 1000 or len(groups) > 5:
            return refused(400, "invalid_request_error", "outside of the limits")
        if request.query_params.get("time_bucket_width") != "1d":
            return refused(400, "invalid_request_error", "the fake knows days only")
        fields = ["day", *(FIELD[group] for group in groups if group in FIELD)]
        rows: list[dict[str, Any]] = []
        for values, used in grouped(fake.visible(*span), fields).items():
            group: dict[str, Any] = dict(zip([g for g in groups if g in FIELD], values[1:], strict=True))
            if "cost_type" in groups:
                group["cost_type"] = "tokens"
            if "token_type" in group:
                group["token_type"] = TOKEN_TYPE[group["token_type"]]
            row: dict[str, Any] = {**_bucket(values[0]), "group": group}
            if is_cost:
                has_parts = {"cost_type", "token_type"} & set(groups)
                row["cost"] = {
                    "amount": fake.text_of(_cents(used, "amount")),
                    "list_amount": fake.text_of(_cents(used, "list_amount")),
                    "currency": "USD",
                    "requests": None if has_parts else fake.requests_of(values[0], values[1:]),
                }
            else:
                row["usage"] = {**_tokens(used), "requests": fake.requests_of(values[0], values[1:])}
            rows += [row] * (2 if fake.knobs.bucket_twice else 1)
        return page(fake, request, rows, limit)

    def cost_report(request: Request) -> Response:
        return fake.refusal(request, request.headers.get("x-api-key")) or report(request, is_cost=True)

    def usage_report(request: Request) -> Response:
        key = request.headers.get("x-api-key")
        return fake.refusal(request, key, is_usage=True) or report(request, is_cost=False)

    def report(request: Request, *, is_cost: bool) -> Response:
        span, limit = _span(request), int(request.query_params.get("limit", "7"))
        if span is None or not 1 <= limit <= 31 or request.query_params.get("bucket_width") != "1d":
            return refused(400, "invalid_request_error", "outside of the limits")
        buckets: list[dict[str, Any]] = []
        day = span[0]
        while day <= span[1]:
            used = fake.visible(day, day)
            results = _cost_results(fake, used) if is_cost else _usage_results(used)
            buckets += [{**_bucket(day), "results": results}] * (2 if fake.knobs.bucket_twice else 1)
            day += timedelta(days=1)
        return page(fake, request, buckets, limit)

    routes = {
        "/v1/organizations/analytics/cost": analytics_cost,
        "/v1/organizations/analytics/usage": analytics_usage,
        "/v1/organizations/cost_report": cost_report,
        "/v1/organizations/usage_report/messages": usage_report,
    }
    return Starlette(routes=[Route(path, endpoint) for path, endpoint in routes.items()])


def _cost_results(fake: Fake, used: list[Used]) -> list[dict[str, Any]]:
    return [
        {
            "amount": fake.text_of(_cents(of, "amount")),
            "context_window": "0-200k",
            "cost_type": "tokens",
            "currency": "USD",
            "description": f"{model} Usage - {TOKEN_TYPE[kind]}",
            "model": model,
            "service_tier": tier,
            "token_type": TOKEN_TYPE[kind],
            "workspace_id": None,
        }
        for (model, tier, kind), of in grouped(
            [one for one in used if one.tier != "priority"], ["model", "tier", "kind"]
        ).items()
    ]


def _usage_results(used: list[Used]) -> list[dict[str, Any]]:
    return [
        {"model": model, "api_key_id": key, "service_tier": tier, "workspace_id": None, **_tokens(of)}
        for (model, key, tier), of in grouped(used, ["model", "key", "tier"]).items()
    ]


def _tokens(used: list[Used]) -> dict[str, Any]:
    counts = {kind: sum(one.tokens for one in used if one.kind == kind) for kind in TOKEN_TYPE}
    return {
        "uncached_input_tokens": counts["uncached_input"],
        "cache_creation": {
            "ephemeral_1h_input_tokens": counts["cache_write_1h"],
            "ephemeral_5m_input_tokens": counts["cache_write_5m"],
        },
        "cache_read_input_tokens": counts["cache_read"],
        "output_tokens": counts["output"],
        "server_tool_use": {"web_search_requests": 0},
    }


def _cents(used: list[Used], name: str) -> Decimal:
    return sum((getattr(one, name) for one in used), Decimal(0)) * 100


def _bucket(day: date) -> dict[str, str]:
    after = day + timedelta(days=1)
    return {"starting_at": f"{day.isoformat()}T00:00:00Z", "ending_at": f"{after.isoformat()}T00:00:00Z"}


def _span(request: Request) -> tuple[date, date] | None:
    """Return the days asked for; None when they are none, or more than 31."""
    begin = datetime.fromisoformat(request.query_params["starting_at"]).date()
    last = datetime.fromisoformat(request.query_params["ending_at"]).date() - timedelta(days=1)
    return (begin, last) if timedelta() <= last - begin <= timedelta(days=30) else None
