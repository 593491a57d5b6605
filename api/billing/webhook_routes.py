"""HTTP of billing webhooks.

Belongs here: `POST /webhooks/billing/{provider}`, thin over signatures and events. Does not belong here: either.

A provider sends an event again until it is answered 2xx: so an event that is genuine and recorded is 200 whatever came
of it, and everything else is an error.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from fastapi import APIRouter, Path, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.answers import json_answer
from api.billing.prices import Billing
from api.billing.provider_events import Outcome, take_event
from api.billing.providers import provider_of
from api.billing.signatures import genuine_event_id
from api.db.session import transaction
from api.errors import Refused
from api.openapi import describe

BODY_BYTES_MAX: Final = 256 * 1024

router = APIRouter(tags=["billing"])


class Taken(msgspec.Struct, frozen=True):
    """An event was recorded.

    Attributes:
        outcome: what became of it.
    """

    outcome: Literal["applied", "duplicate", "ignored", "out_of_order", "refused", "unknown_workspace"]


@router.post(
    "/webhooks/billing/{provider}",
    **describe(
        "Tell what happened at the billing provider",
        answer=Taken,
        example={"outcome": "applied"},
        answer_description="Recorded: it will not be taken a second time",
        refusals=(400, 401, 404, 413, 422),
    ),
)
async def billing_webhook(
    request: Request, provider: Annotated[str, Path(description="Name of the provider.", examples=["clerk"])]
) -> Response:
    """Take a signed event of the configured provider.

    Headers are `svix-id`, `svix-timestamp` and `svix-signature` (or the same with `webhook-`).
    """
    billing: Billing = request.app.state.billing
    source = provider_of(billing, provider)
    body = await _body(request)
    event_id = genuine_event_id(request.headers, body, billing.secrets, request.app.state.clock.now())
    event = source.read(body)

    def take() -> Outcome:
        with transaction(request.app.state.engine) as session:
            return take_event(session, source.name, event_id, event, billing=billing, at=request.app.state.clock.now())

    return json_answer(Taken(outcome=(await run_in_threadpool(take)).value))


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES_MAX:
            raise Refused(413, "body_too_large", f"The body is larger than {BODY_BYTES_MAX // 1024} KiB.")
    return bytes(body)
