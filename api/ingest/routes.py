"""Routes a paired daemon uploads to, and asks afterwards.

Belongs here: HTTP in, HTTP out. Does not belong here: reading bodies (`envelope`, `prepare`), durability (`group`),
queries (`held_rows`, `receipts`).

No answer here is a 4xx because of one record: a bad record is set aside and reported in the receipt. While anything the
acknowledgement needs is down the answer is 503 with Retry-After.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Annotated, Final
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import SQLAlchemyError

from api.answers import decode_message, json_answer
from api.auth import CallingDevice, authenticate_device
from api.errors import Refused, invalid
from api.ingest import examples
from api.ingest.envelope import BODY_CAP_BYTES, BodyBudget, decompress, read_capped
from api.ingest.group import BusyError, GroupCommitter
from api.ingest.held_rows import HeldRows
from api.ingest.prepare import Sender, prepare
from api.ingest.receipts import batch_accounts
from api.ingest.senders import KnownSenders
from api.openapi import describe
from daemon.wire.batch import Batch, Body, BodyStored, DaemonTotals, Receipt, Receipts
from pipelines.lake.landing import LandingUnavailableError

BODY_LEG_CAP_BYTES: Final = 2 * 1024 * 1024
LONGEST_TOTALS_DAYS: Final = 3700
_RETRY_SECONDS: Final = "5"
_ENDED_RETRY_SECONDS: Final = "60"

_BUDGET: Final = BodyBudget()
_BODY_LEG: Final = msgspec.json.Decoder(Body)

router = APIRouter(prefix="/v1", tags=["daemon"])


@router.post(
    "/requests/batch",
    **describe(
        "Upload a batch of calls",
        message=Batch,
        message_example=examples.BATCH,
        answer=Receipt,
        example=examples.RECEIPT,
        answer_description="Durable: every record is landed, a duplicate, or set aside with its reason",
        refusals=(400, 413, 415, 422),
        bearer="sync_token",
    ),
)
async def upload_batch(request: Request) -> Response:
    """Land a batch and answer once everything in it is durable.

    Each record is landed, counted as a duplicate or set aside in quarantine with its reason; one bad record never
    fails the others. The body may be compressed with gzip or zstd.
    """
    try:
        sender = await _authenticated(request)
        with _BUDGET.holding() as take:
            body = await _body(request, take)
            judge = partial(prepare, body, sender, request.app.state.clock.now())
            landing = _committer(request).judge_and_submit(judge)
            receipt = await asyncio.wrap_future(landing)
            request.app.state.measures.batch_landed(receipt)
    except (BusyError, LandingUnavailableError, SQLAlchemyError, MemoryError):
        raise _unavailable() from None
    return json_answer(receipt)


@router.post(
    "/requests/{request_id}/body",
    **describe(
        "Offer one leg of a captured call",
        message=Body,
        message_example=examples.BODY_LEG,
        answer=BodyStored,
        example=examples.BODY_STORED,
        refusals=(400, 413, 415, 422, 425),
        bearer="sync_token",
    ),
)
async def upload_body(request: Request, request_id: UUID) -> Response:
    """Answer whether the body was kept. This server keeps none; 425 while the call itself has not landed."""
    sender = await _authenticated(request)
    with _BUDGET.holding() as take:
        leg = decode_message(_BODY_LEG, await _body(request, take, BODY_LEG_CAP_BYTES))
    if leg.request_id.lower() != str(request_id):
        raise invalid("The request_id is not the one in the path.")
    held = _held_rows(request)
    if not await run_in_threadpool(held.has_request, sender.workspace_id, str(request_id)):
        raise Refused(425, "request_not_here_yet", "The call itself has not landed yet; send its record first.")
    return json_answer(BodyStored(stored=False, reason="bodies are not stored by this server"))


@router.get(
    "/daemon/receipts",
    **describe(
        "Accounts of this device's batches",
        answer=Receipts,
        example=examples.RECEIPTS,
        refusals=(422,),
        bearer="sync_token",
    ),
)
def list_receipts(
    request: Request,
    device: CallingDevice,
    batch_id: Annotated[str | None, Query(max_length=64, description="only this attempt")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Response:
    """Return what became of every record: received = landed + duplicate + quarantined, final once built."""
    state = request.app.state
    accounts = batch_accounts(state.engine, state.snapshots.current(), device.device_id, batch_id=batch_id, limit=limit)
    return json_answer(Receipts(receipts=accounts))


@router.get(
    "/reconciliation/daemon-totals",
    **describe(
        "What this server holds of the asking device",
        answer=DaemonTotals,
        example=examples.DAEMON_TOTALS,
        refusals=(422,),
        bearer="sync_token",
    ),
)
def daemon_totals(
    request: Request,
    device: CallingDevice,
    from_date: Annotated[date | None, Query(description="first UTC day, inclusive")] = None,
    to_date: Annotated[date | None, Query(description="last UTC day, inclusive")] = None,
    first: Annotated[date | None, Query(alias="from", description="as release 0.2.0 sends it")] = None,
    last: Annotated[date | None, Query(alias="to", description="as release 0.2.0 sends it")] = None,
) -> Response:
    """Sum the device's rows by project and UTC day of `recorded_at`, all that has landed included."""
    from_day, to_day = from_date or first, to_date or last
    if from_day is None or to_day is None:
        raise invalid("Give from_date and to_date as YYYY-MM-DD.")
    if not 0 <= (to_day - from_day).days <= LONGEST_TOTALS_DAYS:
        raise invalid("to_date lies before from_date, or too far after it.")
    rows = _held_rows(request).totals(device.workspace_id, device.device_id, from_day, to_day)
    return json_answer(DaemonTotals(rows=rows))


async def _authenticated(request: Request) -> Sender:
    """Authenticate before a byte of the body is read.

    The subscription's end is no verdict on rows or token: any 4xx would make daemons drop rows or stop for good. A 503
    makes them keep everything and try again, so that all of it arrives once the subscription goes on.
    """
    state, authorization = request.app.state, request.headers.get("authorization")
    senders: KnownSenders = state.senders
    if (known := senders.find(authorization)) is not None:
        return known
    device = await run_in_threadpool(authenticate_device, state.engine, authorization, state.clock, note_seen=False)
    if device.subscription_ended:
        message = "The workspace's subscription has ended; this machine keeps its records until it goes on."
        raise Refused(503, "subscription_ended", message, headers={"Retry-After": _ENDED_RETRY_SECONDS})
    return Sender(device.workspace_id, device.device_id)


async def _body(request: Request, take: Callable[[int], None], cap: int = BODY_CAP_BYTES) -> bytes:
    """Read and decompress the body under a cap of bytes."""
    body = await read_capped(request.stream(), request.headers.get("content-length"), take, cap)
    encoding = request.headers.get("content-encoding")
    if encoding is None:
        return body
    plain = await run_in_threadpool(decompress, body, encoding, cap)
    take(len(plain))
    return plain


def _committer(request: Request) -> GroupCommitter:
    committer: GroupCommitter = request.app.state.committer
    return committer


def _held_rows(request: Request) -> HeldRows:
    state = request.app.state
    return HeldRows(state.home, state.engine, state.snapshots)


def _unavailable() -> Refused:
    return Refused(
        503,
        "unavailable",
        "The batch could not be stored now; nothing was acknowledged, send it again.",
        headers={"Retry-After": _RETRY_SECONDS},
    )
