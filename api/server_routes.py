"""What daemons ask the server itself: is it alive, and what do tokens cost.

Belongs here: `GET /health`, `GET /v1/pricing/rates`. Does not belong here: the rate table's making (`api.rate_offer`).
"""

from __future__ import annotations

import logging
from importlib.metadata import PackageNotFoundError, version
from typing import Final, Literal

import msgspec
from fastapi import APIRouter, Request, Response

from api.answers import json_answer
from api.auth import CallingDevice
from api.openapi import describe
from api.rate_offer import rate_offer
from daemon.wire.pricing import PricingRates
from pipelines.lake.catalog import read_pointer
from pipelines.lake.paths import Home

logger = logging.getLogger(__name__)
router = APIRouter(tags=["server"])


class Health(msgspec.Struct, kw_only=True, frozen=True):
    """`GET /health`.

    Attributes:
        version: release of the server.
        build_id: the published build it serves; None before the first.
    """

    status: Literal["ok"]
    version: str
    build_id: str | None


def server_version() -> str:
    """Return the installed release."""
    try:
        return version("halton-meter-cloud")
    except PackageNotFoundError:
        return "0"


_VERSION: Final = server_version()


@router.get(
    "/health",
    **describe(
        "Whether the server is up",
        answer=Health,
        example={"status": "ok", "version": "0.1.0", "build_id": "b20260701T090000-1a2b3c4d"},
    ),
)
def health(request: Request) -> Response:
    """Answer while the process is up, whatever else is down."""
    return json_answer(Health(status="ok", version=_VERSION, build_id=_build_id(request.app.state.home)))


@router.get(
    "/v1/pricing/rates",
    **describe(
        "The rate table offered to daemons",
        answer=PricingRates,
        example={
            "schema_version": 1,
            "bundled_rates_date": "2026-07-13",
            "rates_version": 1783900800,
            "currency": "USD",
            "providers": {
                "anthropic": [
                    {
                        "model": "claude-sonnet-4-5",
                        "input": 3.0,
                        "output": 15.0,
                        "thinking": 15.0,
                        "cache_read": 0.3,
                        "cache_write": 3.75,
                    }
                ]
            },
        },
        bearer="sync_token",
    ),
)
def pricing_rates(request: Request, device: CallingDevice) -> Response:
    """Offer today's base prices, USD per million tokens; version 0 and no providers while there is no rate book."""
    state = request.app.state
    return json_answer(rate_offer(state.home, device.workspace_id, state.clock.now()))


def _build_id(home: Home) -> str | None:
    try:
        pointer = read_pointer(home)
    except (OSError, ValueError):
        logger.warning("the pointer to the published marts cannot be read")
        return None
    return None if pointer is None else pointer.build_id
