"""OpenAI's organization costs and completions usage over the ledger."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.billing_fakes.ledger import Fake, Used, grouped, number, page, refused

KINDS = ("uncached_input", "cache_read", "output")
ITEM = {"uncached_input": "input", "cache_read": "cached input", "output": "output"}


def openai_app(fake: Fake) -> Starlette:
    """Return the fake as an ASGI application."""

    def costs(request: Request) -> Response:
        return fake.refusal(request, _key(request)) or buckets(request, 180, is_cost=True)

    def usage(request: Request) -> Response:
        return fake.refusal(request, _key(request), is_usage=True) or buckets(request, 31, is_cost=False)

    def buckets(request: Request, most: int, *, is_cost: bool) -> Response:
        query = request.query_params
        limit = int(query.get("limit", "7"))
        if not 1 <= limit <= most or query.get("bucket_width") != "1d":
            return refused(400, "invalid_request_error", f"limit must be between 1 and {most}")
        day, end = (datetime.fromtimestamp(int(query[name]), UTC).date() for name in ("start_time", "end_time"))
        made: list[dict[str, Any]] = []
        while day < end:
            used = fake.visible(day, day)
            results = _cost_results(fake, day, used) if is_cost else _usage_results(fake, day, used)
            bucket = {
                "object": "bucket",
                "start_time": _seconds(day),
                "end_time": _seconds(day + timedelta(days=1)),
                "results": results,
            }
            made += [bucket] * (2 if fake.knobs.bucket_twice else 1)
            day += timedelta(days=1)
        return page(fake, request, made, limit)

    routes = {"/v1/organization/costs": costs, "/v1/organization/usage/completions": usage}
    return Starlette(routes=[Route(path, endpoint) for path, endpoint in routes.items()])


def _cost_results(fake: Fake, day: date, used: list[Used]) -> list[dict[str, Any]]:
    amounts = {
        (f"{model}, {ITEM[kind]}", key): sum((one.amount for one in of), Decimal(0))
        for (model, key, kind), of in grouped(used, ["model", "key", "kind"]).items()
    }
    if day in fake.ledger.credits:
        amounts["promotional credit", ""] = -fake.ledger.credits[day]
    return [
        {
            "object": "organization.costs.result",
            "amount": {"value": number(fake.text_of(amount)), "currency": "usd"},
            "line_item": item,
            "project_id": None,
            "api_key_id": key or None,
            "quantity": None,
        }
        for (item, key), amount in amounts.items()
    ]


def _usage_results(fake: Fake, day: date, used: list[Used]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for (model, key, tier), of in grouped(used, ["model", "key", "tier"]).items():
        counts = {kind: sum(one.tokens for one in of if one.kind == kind) for kind in KINDS}
        made.append({
            "object": "organization.usage.completions.result",
            "input_tokens": counts["uncached_input"] + counts["cache_read"],
            "input_cached_tokens": counts["cache_read"],
            "input_uncached_tokens": counts["uncached_input"],
            "output_tokens": counts["output"],
            "num_model_requests": fake.requests_of(day, (model, key, tier)),
            "model": model,
            "api_key_id": key,
            "service_tier": None if tier == "batch" else tier,
            "batch": tier == "batch",
        })  # fmt: skip
    return made


def _key(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


def _seconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
