"""HTTP of bills and statements.

Belongs here: listing bills, stating and withdrawing them. Does not belong here: invoice files (`upload_routes`),
connections (`connection_routes`), rules.
"""

from __future__ import annotations

import calendar
from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import WithJsonSchema

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.answers import json_answer, message_body
from api.bills.examples import BILL, KEPT, LINE, STATEMENT
from api.bills.listing import LIMIT_MAX, WantedBills, find_bill, find_bills
from api.bills.messages import (
    BillAnswer,
    BillsAnswer,
    BillShown,
    NewLine,
    NewStatement,
    StatementKept,
    Withdrawal,
)
from api.bills.money import Exchange, amount_typed, lowering, unusable_amount
from api.bills.statements import Stated, checked_note, state_bill, withdraw_bill
from api.db.dependencies import Look, Work
from api.errors import invalid
from api.openapi import describe
from pipelines.billing.amounts import AmountError
from pipelines.billing.bills import BilledLine, BilledPeriod
from pipelines.lake.bills import LineCategory

router = APIRouter(prefix="/v1/{workspace}", tags=["bills"])

Reader = Annotated[Caller, Depends(caller_with(Permission.VIEW_BILLS))]
Editor = Annotated[Caller, Depends(caller_with(Permission.EDIT_BILLS))]
PeriodId = Annotated[str, Path(description="Id of the bill.", examples=[BILL["id"]])]
CHANGING: Final = (400, 401, 403, 404, 409, 413, 422)
_PARAMETERS: Final = frozenset({"provider", "from", "to", "history", "limit", "cursor"})
_DAY: Final = {"type": "string", "format": "date"}


def wanted_bills(
    request: Request,
    provider: Annotated[str | None, Query(description="One provider, as daemons name it.")] = None,
    first: Annotated[
        str | None, WithJsonSchema(_DAY), Query(alias="from", description="Bills that end on this day or later.")
    ] = None,
    last: Annotated[
        str | None, WithJsonSchema(_DAY), Query(alias="to", description="Bills that begin on this day or earlier.")
    ] = None,
    history: Annotated[
        str | None, WithJsonSchema({"type": "string", "enum": ["1"]}), Query(description="Superseded ones as well.")
    ] = None,
    limit: Annotated[
        str | None, WithJsonSchema({"type": "integer", "minimum": 1, "maximum": LIMIT_MAX}), Query()
    ] = None,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before.")] = None,
) -> WantedBills:
    """FastAPI dependency: which bills are asked for.

    Raises:
        Refused: 422 a parameter cannot be understood.
    """
    if not _PARAMETERS.issuperset(request.query_params.keys()):
        raise invalid(f"Unknown parameter; this path takes {', '.join(sorted(_PARAMETERS))}.", code="unknown_parameter")
    if history not in {None, "1"}:
        raise invalid("history is 1 or left out.", code="invalid_filter")
    most = 100 if limit is None else _whole(limit)
    if not 1 <= most <= LIMIT_MAX:
        raise invalid(f"limit must be a whole number from 1 to {LIMIT_MAX}.", code="invalid_filter")
    return WantedBills(
        provider=provider, first_day=_day(first), last_day=_day(last), history=history == "1", limit=most, after=cursor
    )


@router.get(
    "/bills",
    **describe(
        "Bills",
        answer=BillsAnswer,
        example={"bills": [BILL], "next_cursor": None},
        answer_description="A page of bills, newest days first",
        refusals=(403, 404, 422),
        bearer="api_key",
    ),
)
def get_bills(caller: Reader, look: Look, wanted: Annotated[WantedBills, Depends(wanted_bills)]) -> Response:
    """List what providers billed, as it stands; with `history=1` as it once stood, too."""
    bills, cursor = find_bills(look, caller.workspace_id, wanted)
    return json_answer(BillsAnswer(bills=[BillShown.of(bill) for bill in bills], next_cursor=cursor))


@router.get(
    "/bills/periods/{period_id}",
    **describe(
        "One bill",
        answer=BillAnswer,
        example={"bill": BILL, "lines": [LINE], "revisions": [BILL]},
        answer_description="The bill, its lines and its history",
        refusals=(403, 404),
        bearer="api_key",
    ),
)
def get_bill(caller: Reader, look: Look, period_id: PeriodId) -> Response:
    """Show a bill line by line, and every statement there ever was of the same days."""
    return json_answer(BillAnswer.of(find_bill(look, caller.workspace_id, period_id)))


@router.put(
    "/bills/statement",
    **describe(
        "State a bill",
        answer=StatementKept,
        example=KEPT,
        answer_description="What became of it",
        message=NewStatement,
        message_example=STATEMENT,
        refusals=CHANGING,
    ),
)
def put_statement(
    request: Request,
    caller: Editor,
    message: Annotated[NewStatement, Depends(message_body(NewStatement))],
    work: Work,
) -> Response:
    """State what a provider billed for a month or some days; the same days stated again are corrected.

    Taxes, credits, discounts and prepaid purchases are lines of their own. Of a provider whose bills are read from its
    interface, days that were read count and stated ones do not.
    """
    at = request.app.state.clock.now()
    period = _period(message)
    stated = state_bill(work, caller.workspace_id, message.provider, period, actor=caller.actor, at=at)
    return json_answer(kept(stated))


@router.post(
    "/bills/periods/{period_id}/withdraw",
    **describe(
        "Withdraw a statement",
        answer=BillAnswer,
        example={"bill": BILL, "lines": [LINE], "revisions": [BILL]},
        answer_description="The bill as it was",
        message=Withdrawal,
        message_example={"reason": "Of another organization"},
        refusals=CHANGING,
    ),
)
def post_withdraw(
    request: Request,
    caller: Editor,
    period_id: PeriodId,
    message: Annotated[Withdrawal, Depends(message_body(Withdrawal))],
    work: Work,
) -> Response:
    """Take a statement back; it stays in the history. Bills that were read from a provider cannot be."""
    at = request.app.state.clock.now()
    withdraw_bill(work, caller.workspace_id, period_id, message.reason, actor=caller.actor, at=at)
    return json_answer(BillAnswer.of(find_bill(work, caller.workspace_id, period_id)))


def kept(stated: Stated) -> StatementKept:
    """Return what was done as it is shown."""
    done = stated.recorded
    return StatementKept(
        connection_id=stated.connection_id, new=done.new, restated=done.restated, unchanged=done.unchanged
    )


def month_days(month: str) -> tuple[date, date]:
    """Return the first and the last day of a month like 2026-06.

    Raises:
        Refused: 422 it is no month.
    """
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        raise invalid("The month must be one like 2026-06.") from None
    return first, first.replace(day=calendar.monthrange(first.year, first.month)[1])


def span_of(month: str | None, first: date | None, last: date | None) -> tuple[date, date]:
    """Return the days of a message that has a month, or a first and a last day.

    Raises:
        Refused: 422 it has neither, or both.
    """
    if month is not None and first is None and last is None:
        return month_days(month)
    if month is None and first is not None and last is not None:
        return first, last
    raise invalid("Give either a month, or a first and a last day.")


def _period(message: NewStatement) -> BilledPeriod:
    first, last = span_of(message.month, message.first_day, message.last_day)
    exchange = Exchange.of(message.exchange)
    lines = tuple(_line(line, exchange) for line in message.lines)
    return BilledPeriod(first_day=first, last_day=last, lines=lines, note=checked_note(message.note))


def _line(line: NewLine, exchange: Exchange) -> BilledLine:
    category = LineCategory(line.category)
    if line.model is not None and not line.model.isprintable():
        raise invalid("The model must be printable characters.")
    try:
        amount = exchange.usd(amount_typed(line.amount), line.currency)
    except KeyError:
        raise invalid("A line is in a currency without an exchange rate to USD.") from None
    except AmountError as fault:
        raise unusable_amount(fault) from None
    return BilledLine(
        amount=lowering(category, amount),
        category=category,
        description=checked_note(line.description),
        model=line.model,
        currency=line.currency,
    )


def _whole(text: str) -> int:
    # isdecimal alone takes digits of other scripts.
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(LIMIT_MAX)) else 0


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise invalid("from and to must be days as YYYY-MM-DD.", code="invalid_filter")
    return day
