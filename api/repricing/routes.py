"""HTTP of the restatement ledger.

Belongs here: the routes and their messages. Does not belong here: what a run finds (`pricing`), rules (`ledger`).
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from msgspec import Meta
from pydantic import WithJsonSchema

from api.access.callers import Caller, ReadWorkspace, caller_with
from api.access.permissions import Permission
from api.answers import json_answer, message_body
from api.bills.routes import CHANGING, month_days
from api.dashboards.filters import FilterError
from api.dashboards.money import usd_from_picousd
from api.dashboards.parameters import checked_limit, refused
from api.dashboards.rates.routes import instant_or_build, refuse_unknown
from api.dashboards.requests import LIMIT_DEFAULT, LIMIT_MAX
from api.db.dependencies import Look
from api.db.models import RestatementEntry
from api.db.session import transaction
from api.errors import invalid
from api.openapi import describe
from api.repricing.ledger import ProvenRun, list_runs, record_run
from api.repricing.pricing import EntryCause, price_month
from pipelines.lake.clock import from_micros, iso_utc

router = APIRouter(prefix="/v1/{workspace}/rates/restatements/runs", tags=["rates"])

Editor = Annotated[Caller, Depends(caller_with(Permission.EDIT_BILLS))]
Usd = Annotated[str, Meta(pattern=r"^-?\d+\.\d{12}$", description="USD, exact decimal text with 12 decimals.")]
Instant = Annotated[str, Meta(description="ISO-8601 in UTC with a Z.")]
_PARAMETERS: Final = frozenset({"month", "limit", "cursor"})
_CURSOR_DIGITS_MAX: Final = 18
_LIMIT: Final[dict[str, Any]] = {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT}


class _Message(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Base of all messages: closed."""


class Reprice(_Message, kw_only=True, frozen=True):
    """A month to price again, in UTC; what its last run said is what it is compared with."""

    month: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}$")]
    since: (
        Annotated[
            str,
            Meta(
                max_length=40,
                description="For the month's first run only: a build or an instant, and what was known then was said."
                " Left out, nothing had been said.",
            ),
        ]
        | None
    ) = None


class EntryShown(_Message, kw_only=True, frozen=True):
    """Requests of one provider whose price changed for one cause, or did not."""

    provider: str
    cause: Annotated[
        EntryCause,
        Meta(
            description="`opening`: nothing was said before; `no_longer_known`: said before, and it cannot be computed"
            " again: requests that retention deleted, prices the data holds no more."
        ),
    ]
    requests: int
    unpriced_requests: Annotated[int, Meta(description="How many of them have no price now.")]
    said_usd: Usd
    now_usd: Usd
    change_usd: Usd

    @classmethod
    def of(cls, entry: RestatementEntry) -> Self:
        """Return an entry as it is shown."""
        said, now = int(entry.said_picousd), int(entry.now_picousd)
        return cls(
            provider=entry.provider,
            cause=entry.cause,  # pyright: ignore[reportArgumentType] - written from the same words
            requests=entry.requests,
            unpriced_requests=entry.unpriced_requests,
            said_usd=usd_from_picousd(said),
            now_usd=usd_from_picousd(now),
            change_usd=usd_from_picousd(now - said),
        )


class RunShown(_Message, kw_only=True, frozen=True):
    """A run of the ledger, with what proving it found at this moment; its entries add up to its totals."""

    id: str
    number: Annotated[int, Meta(description="Counts the workspace's runs, from 1.")]
    month: str
    made_at: Instant
    made_by: str
    build_id: Annotated[str, Meta(description="The build whose requests were priced.")]
    rate_book_version: str | None
    said_at: Annotated[Instant | None, Meta(description="When that was said; null when nothing had been.")]
    said_build_id: str | None
    said_rate_book_version: str | None
    said_usd: Usd
    now_usd: Usd
    change_usd: Usd
    entries: list[EntryShown]
    previous_digest: Annotated[str, Meta(description="Digest of the run before; zeros for the first.")]
    digest: Annotated[str, Meta(description="SHA-256 of the run and its entries, hex; in the audit log, too.")]
    faults: Annotated[list[str], Meta(description="What does not hold of it; empty when all does.")]

    @classmethod
    def of(cls, proven: ProvenRun) -> Self:
        """Return a run as it is shown."""
        run = proven.run
        said = sum(int(entry.said_picousd) for entry in proven.entries)
        now = sum(int(entry.now_picousd) for entry in proven.entries)
        return cls(
            id=run.id,
            number=run.number,
            month=run.month[:7],
            made_at=iso_utc(from_micros(run.made_at_us)),
            made_by=run.made_by,
            build_id=run.build_id,
            rate_book_version=run.rate_book_version,
            said_at=None if run.said_at_us is None else iso_utc(from_micros(run.said_at_us)),
            said_build_id=run.said_build_id,
            said_rate_book_version=run.said_rate_book_version,
            said_usd=usd_from_picousd(said),
            now_usd=usd_from_picousd(now),
            change_usd=usd_from_picousd(now - said),
            entries=[EntryShown.of(entry) for entry in proven.entries],
            previous_digest=run.previous_digest,
            digest=run.digest,
            faults=list(proven.faults),
        )


class RepricingAnswer(_Message, kw_only=True, frozen=True):
    """Whether a run was written, and the month's newest one."""

    recorded: Annotated[bool, Meta(description="False: all is as `run` said, and nothing was written.")]
    run: RunShown


class RunsAnswer(_Message, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/rates/restatements/runs`: newest first."""

    runs: list[RunShown]
    limit: Annotated[int, Meta(description="The most runs this page could have held.")]
    next_cursor: Annotated[str | None, Meta(description="Gives the next page as `cursor`; null on the last.")]


RUN: Final[dict[str, Any]] = {
    "id": "5f0c2d3e-8a51-4f0e-9a43-1f2a7c1f2b11",
    "number": 2,
    "month": "2026-05",
    "made_at": "2026-07-01T12:00:00Z",
    "made_by": "vk@acme.co",
    "build_id": "b20260701T115900-1f2e3d4c",
    "rate_book_version": "6a1f0c3d5e7b9f81",
    "said_at": "2026-06-01T09:00:00Z",
    "said_build_id": "b20260601T085800-5b6a7988",
    "said_rate_book_version": "0c3d5e7b9f816a1f",
    "said_usd": "1400.112934120000",
    "now_usd": "1403.512934120000",
    "change_usd": "3.400000000000",
    "entries": [
        {
            "provider": "openai",
            "cause": "late_requests",
            "requests": 28,
            "unpriced_requests": 0,
            "said_usd": "0.000000000000",
            "now_usd": "3.400000000000",
            "change_usd": "3.400000000000",
        },
        {
            "provider": "openai",
            "cause": "unchanged",
            "requests": 41_872,
            "unpriced_requests": 0,
            "said_usd": "1400.112934120000",
            "now_usd": "1400.112934120000",
            "change_usd": "0.000000000000",
        },
    ],
    "previous_digest": "e5564300c360ac72" * 4,
    "digest": "6a1f0c3d5e7b9f81" * 4,
    "faults": [],
}


@router.get(
    "",
    **describe(
        "Repricing runs",
        answer=RunsAnswer,
        example={"runs": [RUN], "limit": LIMIT_DEFAULT, "next_cursor": None},
        answer_description="The restatement ledger",
        refusals=(403, 404, 422),
        bearer="api_key",
    ),
)
def get_runs(
    request: Request,
    caller: ReadWorkspace,
    look: Look,
    month: Annotated[str | None, Query(description="Of this month only.", examples=["2026-05"])] = None,
    limit: Annotated[str | None, WithJsonSchema(_LIMIT), Query(description="Most runs of one page.")] = None,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.")] = None,
) -> Response:
    """List what repricing runs wrote into the restatement ledger, each proved anew."""
    refuse_unknown(request, _PARAMETERS)
    try:
        most = checked_limit(limit)
    except FilterError as error:
        raise refused(error) from None
    first = None if month is None else month_days(month)[0]
    found = list_runs(look, caller.workspace_id, most + 1, month=first, before=_place(cursor))
    shown = found[:most]
    following = str(shown[-1].run.number) if len(found) > most else None
    return json_answer(RunsAnswer(runs=[RunShown.of(one) for one in shown], limit=most, next_cursor=following))


@router.post(
    "",
    **describe(
        "Reprice a month",
        answer=RepricingAnswer,
        example={"recorded": True, "run": RUN},
        answer_description="The run, or the last one when nothing changed since",
        message=Reprice,
        message_example={"month": "2026-05"},
        refusals=CHANGING,
    ),
)
def post_run(request: Request, caller: Editor, message: Annotated[Reprice, Depends(message_body(Reprice))]) -> Response:
    """Price a month by what is known now, and append what changed since the last run to the ledger, by cause.

    Refused while the newest build does not hold what is known now. Where nothing changed nothing is written.
    """
    state = request.app.state
    month, at = month_days(message.month)[0], state.clock.now()
    since, build_id = (None, None) if message.since is None else instant_or_build(message.since)
    with transaction(state.engine) as session:
        request.state.begin_change(session)
    # Between two transactions: it takes a while, and nobody should wait for it.
    priced = price_month(state.home, state.engine, state.snapshots, caller.workspace_id, month, since, at)
    with transaction(state.engine) as session:
        request.state.begin_change(session)
        run = record_run(session, caller.workspace_id, priced, build_id, actor=caller.actor, at=at)
        (newest,) = list_runs(session, caller.workspace_id, 1, month=month)
    return json_answer(RepricingAnswer(recorded=run is not None, run=RunShown.of(newest)))


def _place(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= _CURSOR_DIGITS_MAX):
        raise invalid("cursor must be the next_cursor of an earlier answer.", code="invalid_filter")
    return int(cursor)
