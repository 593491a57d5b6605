"""Months that were closed and opened again, and an invoice that was uploaded, with hostile texts in all of it.

Belongs here: putting them into an installation (`named_world`). Does not belong here: what becomes of them (the tests).
"""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from datetime import date, datetime
from typing import Final
from uuid import uuid4

from sqlalchemy import Engine

from api.audit import OPERATOR
from api.audit.digests import Signer
from api.closes.closing import reopen_month
from api.closes.signing import sign
from api.db.models import MonthClose, MonthCloseTotal
from api.db.session import transaction
from pipelines.lake.clock import iso_utc, to_micros
from pipelines.lake.paths import Home
from tests.api.conftest import Browser
from tests.faults.hostile.names import NAMES, TYPED

FILE_NAME: Final = "<img src=x onerror=alert(1)>.csv"
_COLUMNS: Final = ("date", "amount", "description", "model", "key_ref", "service_tier", "category")
_FORM: Final = {
    "provider": "openai", "header_row": "1", "rows_left_out": "", "decimal_mark": ".", "day_format": "",
    "default_category": "usage", "category_words": "", "exchange": "",
    **{f"column_{place}": what for place, what in enumerate(("", *_COLUMNS[1:6]))},
}  # fmt: skip


def close_months(engine: Engine, home: Home, workspace_id: str, month: date, at: datetime) -> None:
    """Close a month once for every text and open it again for that reason; the last close holds.

    Reasons that can be typed are given as people give them, the others past the door that refuses them.
    """
    signer, at_us = Signer.of(home), to_micros(at)
    for number, name in enumerate((*NAMES, ""), 1):
        amounts = dict.fromkeys(("logged_picousd", "priced_picousd", "billed_picousd", "variance_picousd"), "5")
        total = {"provider": name[:64] or "all", "requests": 1, "unpriced_requests": 0, **amounts}
        said = {
            "workspace_id": workspace_id, "month": month.isoformat(), "number": number, "closed_by": OPERATOR.id,
            "build_id": "b", "analysis_id": "a", "max_file_seq": 1,
        }  # fmt: skip
        judged = {"colour": "red", "source": name, "is_complete": True, "unit_suspect": name}
        signed = sign(signer, {**said, "closed_at": iso_utc(at), "totals": [{**total, **judged}]})
        close = MonthClose(id=str(uuid4()), closed_at_us=at_us, **said, **asdict(signed))
        with transaction(engine) as session:
            session.add(close)
            session.flush()
            session.add(MonthCloseTotal(close_id=close.id, workspace_id=workspace_id, **total))
            session.flush()
            if name in TYPED:
                reopen_month(session, workspace_id, month, name, actor=OPERATOR, at=at)
            elif name:
                close.reopened_at_us, close.reopened_by, close.reopen_reason = at_us, OPERATOR.id, name


def upload_invoice(owner: Browser, month: str) -> tuple[str, str]:
    """Upload an invoice, look at it and take it; return the page that showed it before, and the path of its bill."""
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow([NAMES[0], *NAMES[1:7]])
    for number, name in enumerate(NAMES):
        rows.writerow([name, f"{number + 1}.5", name, name, name, name[:64], name])
    files = {"file": (FILE_NAME, written.getvalue().encode(), "text/csv")}
    there = owner.post_form("/acme/reconciliation/bills/uploads", {}, files=files, follow_redirects=False)
    assert there.status_code == 303, there.text
    path = there.headers["location"]
    form = {**_FORM, "first_day": f"{month}-01", "last_day": f"{month}-02", "month": ""}
    looked = owner.post_form(path, {**form, "action": "preview"})
    assert looked.status_code == 200, looked.text[-3_000:]
    unread = owner.post_form(path, {**form, "column_6": "category", "action": "preview"})
    taken = owner.post_form(path, {**form, "action": "take"}, follow_redirects=False)
    assert taken.status_code == 303, taken.text[-3_000:]
    (bill,) = owner.json("GET", "/v1/acme/bills").json()["bills"]
    return looked.text + unread.text, bill["id"]
