"""Pages of invoice files: say what the columns are, look at what it says, take it.

Belongs here: `/{workspace}/reconciliation/bills/uploads/…`, on the services the JSON routes use. Does not belong here:
uploading and other pages of bills (`bills`), reading files (`api.bills`).

What is taken is what was looked at: the second form carries the first one's answers unseen.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.bills.csv_mapping import COLUMNS, guess_mapping
from api.bills.csv_text import read_csv
from api.bills.csv_values import DAY_FORMATS
from api.bills.statements import count_restated
from api.bills.upload_messages import PreviewAnswer, TakeUpload, UploadAnswer
from api.bills.uploads import drop_upload, read_upload, take_upload, upload_of
from api.db.dependencies import Look
from api.db.models import BillUpload
from api.db.session import reading, transaction
from api.errors import Refused, invalid
from api.pages.forms import Form, PostedForm
from api.pages.shell import page, see_other
from api.providers import provider_words
from pipelines.billing.connections import PROVIDERS
from pipelines.lake.bills import LineCategory

router = APIRouter(include_in_schema=False)

Editor = Annotated[Caller, Depends(caller_with(Permission.EDIT_BILLS))]
WHAT: Final[Mapping[str, str]] = {
    "": "nothing we need",
    "date": "Date",
    "amount": "Amount",
    "list_amount": "Amount at list price",
    "currency": "Currency",
    "category": "Category of the line",
    "model": "Model",
    "description": "Description",
    "key_ref": "API key or project",
    "service_tier": "Service tier",
    "quantity": "Tokens",
    "requests": "Requests",
}
"""What a column can be, as people say it."""
DAY_WORDS: Final[Mapping[str, str]] = {
    "iso": "2026-06-30",
    "month_first": "06/30/2026",
    "day_first": "30/06/2026",
    "month_name": "Jun 30, 2026",
}
CATEGORY_CHOICES: Final = [(one.value, one.value) for one in LineCategory]
_FIELDS: Final = (
    "provider", "header_row", "rows_left_out", "decimal_mark", "day_format", "default_category", "category_words",
    "exchange", "month", "first_day", "last_day",
)  # fmt: skip
_COLUMNS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class _Said:
    """What a form says about a file, and what came of it."""

    typed: Mapping[str, str]
    columns: Mapping[int, str]
    preview: PreviewAnswer | None = None
    refused: Refused | None = None


@router.get("/{workspace}/reconciliation/bills/uploads/{upload_id}")
def upload_page(request: Request, caller: Editor, upload_id: str, look: Look) -> Response:
    """Show a file as far as it was understood, with a form that says the rest."""
    kept = upload_of(look, caller.workspace_id, upload_id, request.app.state.clock.now())
    return _page(request, caller, kept, None)


@router.post("/{workspace}/reconciliation/bills/uploads/{upload_id}")
def answer(request: Request, caller: Editor, upload_id: str, form: PostedForm) -> Response:
    """Look at a file under a mapping, take it, or drop it, as the form's button says."""
    names = [name for name in form.fields if name.startswith("column_")]
    form.only("action", *_FIELDS, *names)
    action, at = form.text("action"), request.app.state.clock.now()
    with changing(request) as session:
        kept = upload_of(session, caller.workspace_id, upload_id, at)
        session.expunge(kept)
        if action == "drop":
            drop_upload(session, caller.workspace_id, upload_id, at)
    if action == "drop":
        return see_other(f"/{caller.slug}/reconciliation/bills?done=dropped")
    if action not in ("preview", "take"):
        raise invalid("The form does not say what to do.")
    typed, columns = {name: form.text(name) for name in _FIELDS}, _columns(form, names)
    try:
        message = _message(typed, columns)
        read = read_upload(kept, message.taking(), at)
        if action == "take":
            with changing(request) as session:
                take_upload(session, caller.workspace_id, upload_id, message.provider, read, actor=caller.actor, at=at)
            return see_other(f"/{caller.slug}/reconciliation/bills?done=taken")
        with reading(request.app.state.engine) as session:
            restated = count_restated(session, caller.workspace_id, message.provider, read.periods)
    except Refused as refused:
        return _page(request, caller, kept, _Said(typed, columns, refused=refused))
    return _page(request, caller, kept, _Said(typed, columns, PreviewAnswer.of(read, restated)))


def _page(request: Request, caller: Caller, kept: BillUpload, said: _Said | None) -> Response:
    text = read_csv(zlib.decompress(kept.content))
    shown = UploadAnswer.of(kept, text, guess_mapping(text))
    if said is None:
        said = _Said(
            {
                **dict.fromkeys(_FIELDS, ""),
                "provider": PROVIDERS[0],
                "header_row": str(shown.header_row),
                "decimal_mark": shown.decimal_mark or "",
                "day_format": shown.day_format or "",
                "default_category": "usage",
            },
            {one.number: one.looks_like or "" for one in shown.columns},
        )
    refused = said.refused
    return page(
        request,
        "bills/upload.html",
        caller=caller,
        status=refused.status if refused else 200,
        refused=refused,
        upload=shown,
        preview=said.preview,
        typed=said.typed,
        columns=said.columns,
        carried=[
            *said.typed.items(),
            *((f"column_{number}", what) for number, what in said.columns.items() if what),
        ],
        what=list(WHAT.items()),
        providers=[(one, provider_words(one)) for one in PROVIDERS],
        decimal_marks=[("", "choose"), (".", "1,234.50"), (",", "1.234,50")],
        day_formats=[("", "choose"), *((one, DAY_WORDS[one]) for one in DAY_FORMATS)],
        categories=CATEGORY_CHOICES,
        path=_path(caller, kept.id),
    )


def _message(typed: Mapping[str, str], columns: Mapping[int, str]) -> TakeUpload:
    """Return what the JSON route would be told, which judges it.

    Raises:
        Refused: 422 it is not understood.
    """
    mapped = {what: number for number, what in columns.items() if what}
    if len(mapped) != sum(bool(what) for what in columns.values()):
        raise invalid("Two columns are said to be the same.", code="bill_mapping_wrong")
    if not typed["decimal_mark"]:
        raise invalid("Say how the amounts are written.", code="bill_mapping_wrong")
    left_out = typed["rows_left_out"].replace(",", " ").split()
    told: dict[str, object] = {
        "provider": typed["provider"],
        "columns": mapped,
        "header_row": _whole(typed["header_row"], "The row with the columns' names"),
        "rows_left_out": [_whole(one, "A row to leave out") for one in left_out],
        "decimal_mark": typed["decimal_mark"],
        "day_format": (typed["day_format"] or None) if "date" in mapped else None,
        "default_category": typed["default_category"],
        "categories": _pairs(typed["category_words"], "The words of the category column"),
        "exchange": _pairs(typed["exchange"], "The exchange rates"),
        **{name: typed[name] for name in ("month", "first_day", "last_day") if typed[name]},
    }
    try:
        return msgspec.convert(told, TakeUpload)
    except msgspec.ValidationError:
        raise invalid("Something on the form is not as it should be.", code="bill_mapping_wrong") from None


def _columns(form: Form, names: Sequence[str]) -> dict[int, str]:
    columns: dict[int, str] = {}
    for name in names:
        number, what = name.removeprefix("column_"), form.text(name)
        if not (number.isascii() and number.isdecimal() and len(number) <= len(str(_COLUMNS_MAX))):
            raise invalid("The form has a field it should not have.", code="unknown_field")
        if what and what not in COLUMNS:
            raise invalid("A column is said to be something there is not.", code="bill_mapping_wrong")
        columns[int(number)] = what
    return columns


def _pairs(text: str, what: str) -> dict[str, str]:
    """Return lines of `word = value`."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        word, equals, value = line.rpartition("=")
        if not equals or not word.strip() or not value.strip():
            raise invalid(f"{what} are lines such as “EUR = 1.08”.", code="bill_mapping_wrong")
        found[word.strip()] = value.strip()
    return found


def _whole(text: str, what: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len("1000000")):
        raise invalid(f"{what} must be the number of a row.", code="bill_mapping_wrong")
    return int(text)


@contextmanager
def changing(request: Request) -> Generator[Session]:
    """Yield a transaction of the route's caller; files are read between two of them, so that nobody waits meanwhile."""
    with transaction(request.app.state.engine) as session:
        request.state.begin_change(session)
        yield session


def _path(caller: Caller, upload_id: str) -> str:
    return f"/{caller.slug}/reconciliation/bills/uploads/{upload_id}"
