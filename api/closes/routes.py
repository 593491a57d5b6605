"""HTTP of closed months.

Belongs here: the routes and their messages. Does not belong here: rules (`closing`), figures (`figures`).
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Self

import msgspec
from fastapi import APIRouter, Depends, Path, Request, Response
from msgspec import Meta

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.answers import json_answer, message_body
from api.audit.digests import Signer
from api.bills.routes import CHANGING, month_days
from api.closes.closing import Proof, close_month, list_closes, prove_close, reopen_month, require_over
from api.closes.figures import read_figures
from api.dashboards.money import usd_from_picousd
from api.db.dependencies import Look, Work
from api.db.session import transaction
from api.openapi import describe
from pipelines.lake.clock import from_micros, iso_utc

router = APIRouter(prefix="/v1/{workspace}/closes", tags=["bills"])

Reader = Annotated[Caller, Depends(caller_with(Permission.VIEW_BILLS))]
Editor = Annotated[Caller, Depends(caller_with(Permission.EDIT_BILLS))]
Month = Annotated[str, Path(description="The month.", examples=["2026-06"])]
Usd = Annotated[str, Meta(pattern=r"^-?\d+\.\d{12}$", description="USD, exact decimal text with 12 decimals.")]
Instant = Annotated[str, Meta(description="ISO-8601 in UTC with a Z.")]


class _Message(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Base of all messages: closed."""


class CloseMonth(_Message, kw_only=True, frozen=True):
    """A month to close, of the providers' days in UTC."""

    month: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}$")]


class ReopenMonth(_Message, kw_only=True, frozen=True):
    """Why a month is opened again."""

    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class TotalSaid(_Message, kw_only=True, frozen=True):
    """What was said of one provider, or of `all`."""

    provider: str
    requests: int
    unpriced_requests: int
    logged_usd: Usd
    priced_usd: Usd
    billed_usd: Annotated[str | None, Meta(description="Null when no bill was known.")]
    variance_usd: Annotated[str | None, Meta(description="Logged less billed, of the days that are billed.")]
    colour: str | None
    source: str | None
    is_complete: bool | None
    unit_suspect: str | None

    @classmethod
    def of(cls, total: dict[str, Any]) -> Self:
        """Return a total of a close's document as it is shown."""
        same = ("provider", "requests", "unpriced_requests", "colour", "source", "is_complete", "unit_suspect")
        usd = {f"{name}_usd": _usd(total[f"{name}_picousd"]) for name in ("logged", "priced", "billed", "variance")}
        return cls(**{name: total[name] for name in same}, **usd)  # pyright: ignore[reportArgumentType]


class CloseShown(_Message, kw_only=True, frozen=True):
    """A close, with what proving it found at this moment."""

    id: str
    month: str
    number: Annotated[int, Meta(description="Counts the closes of this month, from 1.")]
    closed_at: Instant
    closed_by: str
    build_id: str
    analysis_id: str
    data_as_of: Instant | None
    totals: list[TotalSaid]
    document: Annotated[str, Meta(description="Canonical JSON: what the digest is of and the signature signs.")]
    digest: Annotated[str, Meta(description="SHA-256 of the document, hex.")]
    public_key: Annotated[str, Meta(description="Ed25519, hex.")]
    signature: Annotated[str, Meta(description="Ed25519 over the document's bytes, hex.")]
    faults: Annotated[list[str], Meta(description="What does not hold of it; empty when all does.")]
    signed_by_this_server: bool
    reopened_at: Instant | None
    reopened_by: str | None
    reopen_reason: str | None

    @classmethod
    def of(cls, proof: Proof) -> Self:
        """Return a close as it is shown."""
        close = proof.close
        said: dict[str, Any] = {} if "the document cannot be read" in proof.faults else json.loads(close.document)
        same = ("id", "number", "closed_by", "build_id", "analysis_id", "document", "digest", "public_key", "signature")
        return cls(
            **{name: getattr(close, name) for name in (*same, "reopened_by", "reopen_reason")},
            month=close.month[:7],
            closed_at=iso_utc(from_micros(close.closed_at_us)),
            data_as_of=said.get("data_as_of"),
            totals=[TotalSaid.of(total) for total in said.get("totals", ())],
            faults=list(proof.faults),
            signed_by_this_server=proof.is_ours,
            reopened_at=None if close.reopened_at_us is None else iso_utc(from_micros(close.reopened_at_us)),
        )


class ClosesAnswer(_Message, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/closes`: newest months and closes first, those opened again included."""

    closes: list[CloseShown]


_TOTAL: Final[dict[str, Any]] = {
    "provider": "all",
    "requests": 41_872,
    "unpriced_requests": 3,
    "logged_usd": "1400.112930000000",
    "priced_usd": "1400.112934120000",
    "billed_usd": "1403.770000000000",
    "variance_usd": "-3.657070000000",
    "colour": "green",
    "source": "anthropic_analytics",
    "is_complete": True,
    "unit_suspect": None,
}
CLOSE: Final[dict[str, Any]] = {
    "id": "5f0c2d3e-8a51-4f0e-9a43-1f2a7c1f2b11",
    "month": "2026-06",
    "number": 1,
    "closed_at": "2026-07-03T09:00:00Z",
    "closed_by": "vk@acme.co",
    "build_id": "20260703T085900Z-1f2e3d4c",
    "analysis_id": "a20260703T085930-1f2e3d4c",
    "data_as_of": "2026-07-03T08:58:31.204113Z",
    "totals": [_TOTAL],
    "document": '{"analysis_id":"a20260703T085930-1f2e3d4c","build_id":"20260703T085900Z-1f2e3d4c",…}',
    "digest": "6a1f0c3d5e7b9f81" * 4,
    "public_key": "9d61b19deffd5a60" * 4,
    "signature": "e5564300c360ac72" * 8,
    "faults": [],
    "signed_by_this_server": True,
    "reopened_at": None,
    "reopened_by": None,
    "reopen_reason": None,
}


@router.get(
    "",
    **describe(
        "Closed months",
        answer=ClosesAnswer,
        example={"closes": [CLOSE]},
        answer_description="Every close there ever was",
        refusals=(403, 404),
        bearer="api_key",
    ),
)
def get_closes(request: Request, caller: Reader, look: Look) -> Response:
    """List the closes of months with what was said and signed, each proved anew."""
    key = Signer.of(request.app.state.home).public_key
    proofs = [prove_close(look, close, key) for close in list_closes(look, caller.workspace_id)]
    return json_answer(ClosesAnswer(closes=[CloseShown.of(proof) for proof in proofs]))


@router.post(
    "",
    **describe(
        "Close a month",
        answer=CloseShown,
        example=CLOSE,
        answer_description="The close",
        message=CloseMonth,
        message_example={"month": "2026-06"},
        refusals=CHANGING,
    ),
)
def post_close(
    request: Request, caller: Editor, message: Annotated[CloseMonth, Depends(message_body(CloseMonth))]
) -> Response:
    """Sign the month's figures as they stand: per provider what was logged, priced and billed, and the variance.

    Refused while requests or bills of the month are not in the figures yet. What comes in later shows as a restatement.
    """
    state = request.app.state
    month, at = month_days(message.month)[0], state.clock.now()
    require_over(month, at)
    with transaction(state.engine) as session:
        request.state.begin_change(session)
    # Read between two transactions: it takes a while, and nobody should wait for it.
    figures = read_figures(state.home, state.engine, caller.workspace_id, month)
    signer = Signer.of(state.home)
    with transaction(state.engine) as session:
        request.state.begin_change(session)
        close = close_month(session, caller.workspace_id, figures, signer, actor=caller.actor, at=at)
        proof = prove_close(session, close, signer.public_key)
    return json_answer(CloseShown.of(proof))


@router.post(
    "/{month}/reopen",
    **describe(
        "Open a month again",
        answer=CloseShown,
        example={**CLOSE, "reopened_at": "2026-07-09T10:00:00Z", "reopened_by": "vk@acme.co", "reopen_reason": "…"},
        answer_description="The close, which no longer holds",
        message=ReopenMonth,
        message_example={"reason": "The provider restated the 14th"},
        refusals=CHANGING,
    ),
)
def post_reopen(
    request: Request,
    caller: Editor,
    month: Month,
    message: Annotated[ReopenMonth, Depends(message_body(ReopenMonth))],
    work: Work,
) -> Response:
    """Open a closed month again, with a reason; the close stays in the list."""
    state = request.app.state
    first, at = month_days(month)[0], state.clock.now()
    close = reopen_month(work, caller.workspace_id, first, message.reason, actor=caller.actor, at=at)
    return json_answer(CloseShown.of(prove_close(work, close, Signer.of(state.home).public_key)))


def _usd(picousd: str | None) -> str | None:
    return None if picousd is None else usd_from_picousd(int(picousd))
