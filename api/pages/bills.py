"""Pages of providers' bills: how they arrive, what they say, and stating one by hand.

Belongs here: `/{workspace}/reconciliation/bills` with its statements and uploads, on the services the JSON routes use.
Does not belong here: connections (`bill_connections`), what the columns of a file are (`bill_uploads`), comparing bills
(`reconciliation`), rules (`api.bills`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.bills.connections import list_connections
from api.bills.csv_text import read_csv
from api.bills.listing import Bill, WantedBills, find_bill, find_bills
from api.bills.messages import BillAnswer, BillShown, ConnectionShown
from api.bills.money import Exchange, amount_typed, lowering, unusable_amount
from api.bills.routes import span_of
from api.bills.statements import checked_note, state_bill, withdraw_bill
from api.bills.uploads import keep_upload, waiting_uploads
from api.dashboards.money import usd_from_picousd
from api.db.dependencies import Look, Work, any_session
from api.db.models import BillUpload
from api.errors import Refused, invalid
from api.pages.bill_uploads import changing
from api.pages.forms import Form, LargeForm, PostedForm
from api.pages.reconciliation_words import SOURCES, UNITS
from api.pages.shell import page, see_other
from api.providers import provider_words
from pipelines.billing.amounts import AmountError
from pipelines.billing.bills import BilledLine, BilledPeriod
from pipelines.billing.connections import PROVIDERS, WITH_CREDENTIAL
from pipelines.lake.bills import ConnectionKind, LineCategory

router = APIRouter(include_in_schema=False)

Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_BILLS))]
Editor = Annotated[Caller, Depends(caller_with(Permission.EDIT_BILLS))]
DONE: Final = {
    "stated": "The statement was taken; the comparison follows with the next analysis.",
    "taken": "The file's bills were taken; the comparison follows with the next analysis.",
    "dropped": "The file was forgotten; nothing of it was taken.",
    "connected": "The provider's billing is connected; its bills are read within the hour.",
    "key": "The key was replaced; the one before is forgotten.",
    "ended": "The connection was ended and its key forgotten. Bills that were read stay.",
    "withdrawn": "The statement was withdrawn; it stays in the history.",
}
CATEGORIES: Final = (
    (LineCategory.USAGE, "Usage", "What was used, before what stands below."),
    (LineCategory.CREDIT, "Credits", "Promotions that lower the bill."),
    (LineCategory.DISCOUNT, "Discounts", "Lower the bill, too."),
    (LineCategory.ADJUSTMENT, "Adjustments", "Corrections of earlier bills; with a minus where they lower this one."),
    (LineCategory.TAX, "Tax", "Kept, and not compared."),
    (LineCategory.PREPAID, "Prepaid credit bought", "Kept, and not compared."),
)
_COMPARED: Final[Mapping[str, tuple[LineCategory, ...]]] = {
    "billed": (LineCategory.USAGE, LineCategory.ADJUSTMENT, LineCategory.CREDIT, LineCategory.DISCOUNT),
    "tax": (LineCategory.TAX,),
    "prepaid": (LineCategory.PREPAID,),
}
"""What a bill's categories add up to in the list."""
PROVIDER_CHOICES: Final = [(one, provider_words(one)) for one in PROVIDERS]
KIND_CHOICES: Final = [(one.value, SOURCES[one.value]) for one in ConnectionKind if one in WITH_CREDENTIAL]
_DAYS: Final = ("month", "first_day", "last_day")
_STATEMENT: Final = ("provider", *_DAYS, *(one.value for one, _, _ in CATEGORIES), "currency", "rate", "note")
CONNECTION_FIELDS: Final = ("kind", "name", "start_day", "key", "team")
BILLS_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class Failed:
    """A form of the page that was refused.

    Attributes:
        form: which one.
        refused: why.
        typed: what was typed, without any key.
    """

    form: str
    refused: Refused
    typed: Mapping[str, str]

    @classmethod
    def of(cls, name: str, refused: Refused, form: Form, fields: tuple[str, ...]) -> Failed:
        """Return a refused form with what was typed."""
        return cls(name, refused, {field: form.text(field) for field in fields if field != "key"})


@router.get("/{workspace}/reconciliation/bills")
def bills_page(request: Request, caller: Viewer, done: str = "", cursor: str = "", history: str = "") -> Response:
    """Show how bills arrive, when each way was read last, and the bills themselves."""
    return bills_list(request, caller, done=DONE.get(done, ""), cursor=cursor, history=history == "1")


@router.post("/{workspace}/reconciliation/bills/statement")
def state(request: Request, caller: Editor, form: PostedForm, work: Work) -> Response:
    """Take a statement that was typed in; a refusal is shown on the form again."""
    form.only(*_STATEMENT)
    at = request.app.state.clock.now()
    try:
        state_bill(work, caller.workspace_id, form.text("provider"), _period(form), actor=caller.actor, at=at)
    except Refused as refused:
        work.rollback()
        return bills_list(request, caller, failed=Failed.of("statement", refused, form, _STATEMENT))
    return see_other(f"{bills_path(caller)}?done=stated")


@router.post("/{workspace}/reconciliation/bills/uploads")
def upload(request: Request, caller: Editor, form: LargeForm) -> Response:
    """Keep an invoice file for a day and go on to what its columns are; a refusal is shown on the form again."""
    form.only("file")
    state, content = request.app.state, form.files.get("file")
    with changing(request):
        pass  # before anything is read for whoever may not
    try:
        if content is None:
            raise invalid("Choose a file first.", code="bill_file_missing")
        read_csv(content)
        with changing(request) as session:
            name, at = form.file_names.get("file", ""), state.clock.now()
            kept = keep_upload(session, caller.workspace_id, name, content, actor=caller.actor, at=at)
            path = f"{bills_path(caller)}/uploads/{kept.id}"
    except Refused as refused:
        return bills_list(request, caller, failed=Failed("file", refused, {}))
    return see_other(path)


@router.get("/{workspace}/reconciliation/bills/periods/{period_id}")
def bill_page(request: Request, caller: Viewer, period_id: str, look: Look) -> Response:
    """Show a bill line by line, and every statement there ever was of the same days."""
    return _bill(request, caller, look, period_id)


@router.post("/{workspace}/reconciliation/bills/periods/{period_id}/withdraw")
def withdraw(request: Request, caller: Editor, period_id: str, form: PostedForm, work: Work) -> Response:
    """Take a statement back, with a reason; a refusal is shown on its page."""
    form.only("reason")
    at = request.app.state.clock.now()
    try:
        withdraw_bill(work, caller.workspace_id, period_id, form.text("reason"), actor=caller.actor, at=at)
    except Refused as refused:
        if refused.status == 404:  # noqa: PLR2004 - there is no page to show it on
            raise
        work.rollback()
        return _bill(request, caller, work, period_id, refused=refused)
    return see_other(f"{bills_path(caller)}?done=withdrawn")


def bills_list(
    request: Request,
    caller: Caller,
    *,
    done: str = "",
    failed: Failed | None = None,
    cursor: str = "",
    history: bool = False,
) -> Response:
    """Return the page of bills, with the form that was refused as it was sent.

    Args:
        request: the call it answers.
        caller: the member and workspace.
        done: what was done, in words.
        failed: the form that was refused.
        cursor: id of the last bill of the page before.
        history: superseded and withdrawn bills as well.
    """
    wanted = WantedBills(limit=BILLS_SHOWN, after=cursor or None, history=history)
    uploads: list[BillUpload] = []
    now = request.app.state.clock.now()
    with any_session(request) as session:
        bills, following = find_bills(session, caller.workspace_id, wanted)
        shown = [ConnectionShown.of(one) for one in list_connections(session, caller.workspace_id)]
        if caller.may(Permission.EDIT_BILLS):
            uploads = waiting_uploads(session, caller.workspace_id, now)
    typed = {"provider": PROVIDERS[0], "currency": "USD", "kind": KIND_CHOICES[0][0], "start_day": f"{now:%Y-%m}-01"}
    return page(
        request,
        "bills/list.html",
        caller=caller,
        status=failed.refused.status if failed else 200,
        done=done,
        failed=failed.form if failed else "",
        refused=failed.refused if failed else None,
        typed={**dict.fromkeys((*_STATEMENT, *CONNECTION_FIELDS), ""), **typed, **(failed.typed if failed else {})},
        connections=[one for one in shown if one.ended_at is None],
        ended=[one for one in shown if one.ended_at is not None],
        bills=[(BillShown.of(bill), {name: _usd(bill, of) for name, of in _COMPARED.items()}) for bill in bills],
        next_cursor=following,
        is_first=not cursor,
        history=history,
        uploads=uploads,
        providers=PROVIDER_CHOICES,
        kinds=KIND_CHOICES,
        categories=CATEGORIES,
        sources=SOURCES,
        path=bills_path(caller),
    )


def _bill(
    request: Request, caller: Caller, session: Session, period_id: str, *, refused: Refused | None = None
) -> Response:
    return page(
        request,
        "bills/bill.html",
        caller=caller,
        status=refused.status if refused else 200,
        refused=refused,
        answer=BillAnswer.of(find_bill(session, caller.workspace_id, period_id)),
        categories={one.value: words for one, words, _ in CATEGORIES},
        units=UNITS,
        sources=SOURCES,
        path=bills_path(caller),
    )


def _usd(bill: Bill, categories: Sequence[LineCategory]) -> str | None:
    """Return the exact sum of some categories of a bill; None when it has none of them."""
    sums = [bill.sums[one.value] for one in categories if one.value in bill.sums]
    return usd_from_picousd(sum(sums)) if sums else None


def _period(form: Form) -> BilledPeriod:
    """Return the statement a form makes: a line for each category that has an amount."""
    days = {name: form.text(name) or None for name in _DAYS}
    span = span_of(days["month"], *(None if days[one] is None else day_typed(form.text(one)) for one in _DAYS[1:]))
    currency = form.text("currency").upper() or "USD"
    exchange = Exchange.of({currency: form.text("rate")} if currency != "USD" else {})
    lines = [line for one, _, _ in CATEGORIES if (line := _line(form, one, exchange, currency)) is not None]
    if not lines:
        raise invalid("Give at least one amount.")
    return BilledPeriod(first_day=span[0], last_day=span[1], lines=tuple(lines), note=checked_note(form.text("note")))


def _line(form: Form, category: LineCategory, exchange: Exchange, currency: str) -> BilledLine | None:
    text = form.text(category.value)
    if not text:
        return None
    try:
        amount = exchange.usd(amount_typed(text), currency)
    except AmountError as fault:
        raise unusable_amount(fault) from None
    return BilledLine(amount=lowering(category, amount), category=category, currency=currency)


def day_typed(text: str) -> date:
    """Return a day of a form.

    Raises:
        Refused: 422 it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise invalid("Give days as YYYY-MM-DD.") from None


def bills_path(caller: Caller) -> str:
    """Return the page of bills."""
    return f"/{caller.slug}/reconciliation/bills"
