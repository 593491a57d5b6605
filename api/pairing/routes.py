"""HTTP of pairing and of the paired daemon's own affairs.

Belongs here: `/v1/pairing/*`, `/v1/daemon/whoami`, `/v1/daemon/disconnect`, thin over the services. Does not belong
here: rules (`sessions`, `api.devices`), uploads (`api.ingest`).
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.access.same_site import public_url
from api.answers import json_answer, message_body
from api.audit import Actor, ActorType
from api.auth import CallingDevice
from api.db.dependencies import Look, Work
from api.db.models import Device
from api.devices import device_state, disconnect_device
from api.openapi import describe
from api.pairing.sessions import poll_pairing, start_pairing
from api.rate_limits import client_address, limited
from daemon.wire.pairing import PairingPoll, PairingStart, PairingStarted, PairingState, WhoAmI
from pipelines.lake.clock import from_micros, iso_utc

_LOOK_EVERY_SECONDS: Final = 0.5

router = APIRouter()


@router.post(
    "/v1/pairing/start",
    tags=["pairing"],
    dependencies=[Depends(limited(lambda limits: limits.pairing_start))],
    **describe(
        "Ask for a pairing code",
        answer=PairingStarted,
        example={
            "pairing_code": "WXJ4-9KPM",
            "poll_token": "kq3V0dZzX2v8w1yJ5s7Tn4cB6mE9rA0uGfHhLpQiYtM",
            "pairing_url": "https://meter.example.org/connect?code=WXJ4-9KPM",
            "expires_at": "2026-07-01T09:10:00Z",
        },
        message=PairingStart,
        message_example={
            "hostname": "vk.local",
            "daemon_version": "0.6.4",
            "platform": "Darwin",
            "fingerprint": "0123456789abcdef0123456789abcdef",
        },
        refusals=(400, 413, 422, 429),
    ),
)
def start(
    request: Request, work: Work, message: Annotated[PairingStart, Depends(message_body(PairingStart))]
) -> Response:
    """Open a pairing: a code for a person to approve within ten minutes, and a secret to poll with."""
    started = start_pairing(work, message, address=client_address(request), at=request.app.state.clock.now())
    query = {"code": started.code} | ({"workspace": message.workspace} if message.workspace else {})
    return json_answer(
        PairingStarted(
            pairing_code=started.code,
            poll_token=started.poll_token,
            pairing_url=f"{public_url(request)}/connect?{urlencode(query)}",
            expires_at=iso_utc(started.expires_at),
        )
    )


@router.post(
    "/v1/pairing/poll",
    tags=["pairing"],
    dependencies=[Depends(limited(lambda limits: limits.pairing_poll))],
    **describe(
        "Ask how a pairing stands",
        answer=PairingState,
        example={"status": "pending"},
        message=PairingPoll,
        message_example={"pairing_code": "WXJ4-9KPM", "poll_token": "kq3V0dZzX2v8w1yJ5s7Tn4cB6mE9rA0uGfHhLpQiYtM"},
        refusals=(400, 413, 422, 429),
    ),
)
async def poll(request: Request, message: Annotated[PairingPoll, Depends(message_body(PairingPoll))]) -> Response:
    """Answer at once, or, with `wait_seconds`, as soon as the pairing is no longer pending.

    `approved` carries the token, again and again until the token's first use. Anything unknown is `expired`.
    """
    engine, clock = request.app.state.engine, request.app.state.clock
    loop = asyncio.get_running_loop()
    deadline = loop.time() + message.wait_seconds
    while True:
        state = await run_in_threadpool(poll_pairing, engine, message, clock)
        left = deadline - loop.time()
        if state.status != "pending" or left <= 0 or await request.is_disconnected():
            return json_answer(state)
        await asyncio.sleep(min(left, _LOOK_EVERY_SECONDS))


@router.get(
    "/v1/daemon/whoami",
    tags=["daemon"],
    **describe(
        "What the token stands for",
        answer=WhoAmI,
        example={
            "workspace_name": "Acme",
            "workspace_id": "5f0c2d3e-8a51-4f0e-9a43-1f2a7c1f2b11",
            "machine_id": "0b0d2f4e-57f5-4f0a-8a6f-6a0e5b7c9d21",
            "hostname": "vk.local",
            "daemon_version": "0.6.4",
            "connected_at": "2026-07-01T09:02:11.204119Z",
            "state": "ACTIVE",
        },
        bearer="sync_token",
    ),
)
def whoami(request: Request, device: CallingDevice, look: Look) -> Response:
    """Name the workspace and machine behind the token, and the state the server derives for it."""
    row = look.get_one(Device, device.device_id)
    return json_answer(
        WhoAmI(
            workspace_name=device.workspace_name,
            workspace_id=device.workspace_id,
            machine_id=device.device_id,
            hostname=device.hostname,
            daemon_version=device.daemon_version,
            connected_at=iso_utc(from_micros(device.paired_at_us)),
            state=device_state(row, request.app.state.clock.now()).value,
        )
    )


@router.delete(
    "/v1/daemon/disconnect",
    tags=["daemon"],
    **describe("Leave the workspace", status=204, answer_description="The token is dead", bearer="sync_token"),
)
@router.post(
    "/v1/pairing/revoke",
    tags=["pairing"],
    **describe(
        "Leave the workspace (as documented; same effect as disconnect)",
        status=204,
        answer_description="The token is dead",
        bearer="sync_token",
    ),
)
def disconnect(request: Request, device: CallingDevice, work: Work) -> Response:
    """Kill the calling machine's token at once; a later call with it is a 401 `token_revoked`."""
    actor = Actor(ActorType.DEVICE, device.device_id)
    now = request.app.state.clock.now()
    disconnect_device(work, device.workspace_id, device.device_id, actor=actor, at=now, instance=device.instance)
    return Response(status_code=204)
