"""xAI's usage of a team over the ledger."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.billing_fakes.ledger import Fake, answer, grouped, number, refused

TEAM = "65c1e471-205f-4566-9c5a-07198bcdf4ce"
UNIT = {
    "uncached_input": "Prompt text tokens",
    "cache_read": "Cached prompt text tokens",
    "output": "Completion text tokens",
}


def xai_app(fake: Fake) -> Starlette:
    """Return the fake as an ASGI application."""

    async def usage(request: Request) -> Response:
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        refusal = fake.refusal(request, key)
        if refusal is not None:
            return refusal
        asked = (await request.json())["analyticsRequest"]
        if request.path_params["team"] != TEAM or asked["values"] != [
            {"name": "usd", "aggregation": "AGGREGATION_SUM"}
        ]:
            return refused(400, "invalid_argument", "not a team or not a query")
        begin, end = (datetime.fromisoformat(asked["timeRange"][name]).date() for name in ("startTime", "endTime"))
        days = [begin + timedelta(days=number_) for number_ in range((end - begin).days)]
        used = fake.visible(begin, end - timedelta(days=1))
        series = [
            {"group": group, "groupLabels": group, "dataPoints": [_point(fake, day, of) for day in days]}
            for (model, key, kind), of in grouped(used, ["model", "key", "kind"]).items()
            for group in [[f"Chat {model}", key, UNIT[kind]]]
        ]
        # What is cut depends on how much there is to tell, as it does there.
        most = fake.knobs.series_max // len(days)
        return answer({"timeSeries": series[:most], "limitReached": len(series) > most})

    return Starlette(routes=[Route("/v1/billing/teams/{team}/usage", usage, methods=["POST"])])


def _point(fake: Fake, day: date, used: list[Any]) -> dict[str, Any]:
    amount = sum((one.amount for one in used if one.day == day), Decimal(0))
    return {"timestamp": f"{day.isoformat()}T00:00:00Z", "values": [number(fake.text_of(amount))]}
