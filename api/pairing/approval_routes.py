"""HTTP of a person's answer to a pairing: `/v1/{workspace}/pairings/approve` and `/deny`.

Belongs here: messages, routes, and how often somebody may name a code. Does not belong here: the daemon's side
(`routes`), rules (`sessions`), the page (`api.pages.connect`).
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from msgspec import Meta

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.answers import json_answer, message_body
from api.db.dependencies import Work
from api.openapi import describe
from api.pairing.sessions import approve_pairing, deny_pairing
from api.rate_limits import RateLimits, client_address

router = APIRouter(tags=["pairing"])
Approver = Annotated[Caller, Depends(caller_with(Permission.PAIR_DEVICES))]


class PairingCode(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The code a machine shows; case, spaces and dashes do not matter."""

    code: Annotated[str, Meta(max_length=64)]


class PairingApproved(msgspec.Struct, kw_only=True, frozen=True):
    """The machine that was let in."""

    machine_id: str
    hostname: str
    platform: str


class PairingDenied(msgspec.Struct, kw_only=True, frozen=True):
    """The machine was turned away."""

    denied: bool


def admit_code(request: Request, account: str) -> None:
    """Count one naming of a pairing code against the address, the account, and everybody.

    Raises:
        Refused: 429 with `Retry-After`.
    """
    limits: RateLimits = request.app.state.rate_limits
    limits.pairing_code.admit(client_address(request))
    limits.pairing_code_account.admit(account)


@router.post(
    "/v1/{workspace}/pairings/approve",
    **describe(
        "Let a machine into the workspace",
        answer=PairingApproved,
        example={
            "machine_id": "0b0d2f4e-57f5-4f0a-8a6f-6a0e5b7c9d21",
            "hostname": "vk.local",
            "platform": "Darwin",
        },
        message=PairingCode,
        message_example={"code": "WXJ4-9KPM"},
        refusals=(400, 401, 403, 404, 409, 413, 422, 429),
    ),
)
def approve(
    request: Request, caller: Approver, work: Work, message: Annotated[PairingCode, Depends(message_body(PairingCode))]
) -> Response:
    """Approve the code on your own screen: from then on that machine's usage appears in this workspace."""
    admit_code(request, caller.actor.id)
    now = request.app.state.clock.now()
    device = approve_pairing(work, message.code, caller.workspace_id, approver=caller.actor, at=now)
    return json_answer(PairingApproved(machine_id=device.id, hostname=device.hostname, platform=device.platform))


@router.post(
    "/v1/{workspace}/pairings/deny",
    **describe(
        "Turn a machine away",
        answer=PairingDenied,
        example={"denied": True},
        message=PairingCode,
        message_example={"code": "WXJ4-9KPM"},
        refusals=(400, 401, 403, 404, 409, 413, 422, 429),
    ),
)
def deny(
    request: Request, caller: Approver, work: Work, message: Annotated[PairingCode, Depends(message_body(PairingCode))]
) -> Response:
    """Deny a code; the daemon that shows it is told so, and the workspace's audit log keeps it."""
    admit_code(request, caller.actor.id)
    now = request.app.state.clock.now()
    deny_pairing(work, message.code, caller.workspace_id, approver=caller.actor, at=now)
    return json_answer(PairingDenied(denied=True))
