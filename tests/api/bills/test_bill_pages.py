"""Pages of bills: stated, uploaded, connected and ended by form; keys are never shown."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import Engine, update

from api.db.models import Role
from pipelines.lake.bills import bill_connections
from tests.api.conftest import Browser, People
from tests.conftest import on_sqlite

BILLS = "/acme-co/reconciliation/bills"
KEY = "sk-admin-very-secret-0001"
CONNECTION = {"kind": "openai_costs", "name": "Main <b>account</b>", "start_day": "2026-06-01", "key": KEY, "team": ""}
FILE = b"Date,Cost (USD),Type,Model\n2026-06-01,10.5,usage,<script>x</script>\n2026-06-02,2,Zebra,gpt-5\n"
MAPPED = {
    "provider": "openai", "header_row": "1", "rows_left_out": "", "decimal_mark": ".", "day_format": "iso",
    "default_category": "usage", "category_words": "Zebra = credit", "exchange": "", "month": "", "first_day": "",
    "last_day": "", "column_0": "date", "column_1": "amount", "column_2": "category", "column_3": "model",
}  # fmt: skip


@pytest.fixture
def admin(people: People, workspace_id: str) -> Browser:
    return people.member(workspace_id, "admin@acme.co", Role.ADMIN)


def html(browser: Browser, path: str = BILLS, status: int = 200) -> str:
    answer = browser.get(path)
    assert answer.status_code == status, answer.text[-500:]
    return answer.text


def sent(browser: Browser, path: str, fields: dict[str, Any], **options: Any) -> str:
    """Send a form that is taken, and return where it leads."""
    answer = browser.post_form(path, fields, follow_redirects=False, **options)
    assert answer.status_code == 303, answer.text[-800:]
    return answer.headers["location"]


def bills(browser: Browser) -> list[dict[str, Any]]:
    return browser.json("GET", "/v1/acme-co/bills").json()["bills"]


@on_sqlite
def test_a_workspace_without_bills_is_told_the_ways(admin: Browser, people: People, workspace_id: str) -> None:
    page = html(admin)
    for words in ("No bill is connected yet", "Connect a provider", "Upload an invoice", "Type in a statement"):
        assert words in page
    member = html(people.member(workspace_id, "member@acme.co"))
    assert "Owners and Admins can connect" in member
    assert '<form method="post" action="/acme-co' not in member


@on_sqlite
def test_a_statement_is_typed_in_corrected_and_withdrawn(admin: Browser) -> None:
    path = f"{BILLS}/statement"
    statement = {
        "provider": "openai",
        "month": "2026-06",
        "usage": "100",
        "credit": "8",
        "tax": "20",
        "note": "<i>7</i>",
    }
    assert sent(admin, path, statement) == f"{BILLS}?done=stated"
    assert sent(admin, path, {**statement, "usage": "101.50"}) == f"{BILLS}?done=stated"
    (bill,) = bills(admin)
    assert bill["usd_by_category"] == {
        "credit": "-8.000000000000", "tax": "20.000000000000", "usage": "101.500000000000",
    }  # fmt: skip
    page = html(admin)
    assert 'title="93.500000000000 USD">$93.50' in page
    shown = html(admin, f"{BILLS}/periods/{bill['id']}")
    assert "&lt;i&gt;7&lt;/i&gt;" in shown
    assert "Revision 1" in shown
    for wrong, words in (
        ({"month": "2026-13"}, "The month must be one like"),
        ({"usage": "1,5"}, "alert"),
        ({"usage": "", "credit": "", "tax": ""}, "Give at least one amount"),
        ({"currency": "EUR"}, "alert"),
    ):
        answer = admin.post_form(path, {**statement, **wrong})
        assert (answer.status_code, words in answer.text) == (422, True), wrong
        assert 'value="&lt;i&gt;7&lt;/i&gt;"' in answer.text, "what was typed is still there"
    assert len(bills(admin)) == 1
    assert admin.post_form(f"{BILLS}/periods/{bill['id']}/withdraw", {"reason": ""}).status_code == 422
    assert sent(admin, f"{BILLS}/periods/{bill['id']}/withdraw", {"reason": "wrong"}) == f"{BILLS}?done=withdrawn"
    assert bills(admin) == []
    assert "no longer in force" in html(admin, f"{BILLS}?history=1")


@on_sqlite
def test_a_file_is_mapped_looked_at_and_taken_as_it_was_looked_at(admin: Browser) -> None:
    path = sent(admin, f"{BILLS}/uploads", {}, files={"file": ("june <b>.csv", FILE, "text/csv")})
    page = html(admin, path)
    assert "june &lt;b&gt;.csv" in page
    assert "<script>x" not in page
    assert re.search(r'name="column_1">.*?<option value="amount" selected', page, re.DOTALL)
    unknown = admin.post_form(path, {**MAPPED, "action": "preview", "category_words": ""})
    assert "1 row cannot be read" in unknown.text
    assert "<code>Zebra</code>" in unknown.text
    assert "Take these bills" not in unknown.text
    looked = admin.post_form(path, {**MAPPED, "action": "preview"})
    assert looked.status_code == 200
    assert 'title="10.500000000000 USD">$10.50' in looked.text
    assert bills(admin) == [], "looking writes nothing"
    assert path in html(admin)
    form = looked.text.partition("Show each bill")[2].partition("</form>")[0]
    carried = dict(re.findall(r'<input type="hidden" name="([a-z_0-9]+)" value="([^"]*)">', form))
    assert {name: carried[name] for name in MAPPED} == MAPPED
    refused = admin.post_form(path, {**MAPPED, "action": "take", "column_3": "amount"})
    assert (refused.status_code, "Two columns are said to be the same" in refused.text) == (422, True)
    assert sent(admin, path, {**MAPPED, "action": "take"}) == f"{BILLS}?done=taken"
    assert [bill["first_day"] for bill in bills(admin)] == ["2026-06-02", "2026-06-01"]
    html(admin, path, 404)


@on_sqlite
def test_what_is_no_invoice_is_said_on_the_form_and_a_file_can_be_forgotten(admin: Browser) -> None:
    for files in ({}, {"file": ("x.csv", b"\xff\xfe\x00", "text/csv")}):
        answer = admin.post_form(f"{BILLS}/uploads", {}, files=files or {"file": ("", b"", "text/csv")})
        assert answer.status_code == 422
        assert '<details class="card more" id="file" open>' in answer.text
    path = sent(admin, f"{BILLS}/uploads", {}, files={"file": ("june.csv", FILE, "text/csv")})
    assert admin.post_form(path, {**MAPPED, "action": "preview", "column_9": "no-such"}).status_code == 422
    assert admin.post_form(path, {**MAPPED, "action": "preview", "columns": "x"}).status_code == 422
    assert sent(admin, path, {"action": "drop"}) == f"{BILLS}?done=dropped"
    assert path not in html(admin)


@on_sqlite
def test_a_connection_is_made_and_ended_and_its_key_never_shown(admin: Browser, engine: Engine) -> None:
    assert sent(admin, f"{BILLS}/connections", CONNECTION) == f"{BILLS}?done=connected"
    again = admin.post_form(f"{BILLS}/connections", {**CONNECTION, "name": "Second", "start_day": "2019-01-01"})
    assert (again.status_code, "paste it once more" in again.text) == (422, True)
    assert 'value="Second"' in again.text
    with engine.begin() as connection:
        connection.execute(update(bill_connections).values(last_error="The key was <u>refused</u>."))
    page = html(admin)
    assert "last read failed" in page
    assert "The key was &lt;u&gt;refused&lt;/u&gt;." in page
    (path,) = set(re.findall(rf'"({BILLS}/connections/[^"]+)"', page))
    own = html(admin, path)
    assert "Main &lt;b&gt;account&lt;/b&gt;" in own
    refused = admin.post_form(f"{path}/rotate", {"key": "short"})
    assert refused.status_code == 422
    assert sent(admin, f"{path}/rotate", {"key": KEY + "2"}) == f"{path}?done=key"
    assert admin.post_form(f"{path}/end").status_code == 422
    assert sent(admin, f"{path}/end", {"confirmed": "yes"}) == f"{BILLS}?done=ended"
    assert "1 connection that ended" in html(admin)
    everything = "".join((page, own, again.text, refused.text, html(admin), html(admin, path)))
    assert KEY not in everything
    assert "short" not in refused.text
    assert admin.post_form(f"{path}/rotate", {"key": KEY}).status_code == 404


@on_sqlite
def test_a_failing_connection_is_said_where_its_bills_are_missed(admin: Browser, engine: Engine) -> None:
    sent(admin, f"{BILLS}/connections", {**CONNECTION, "name": "<em>Main</em>"})
    with engine.begin() as connection:
        connection.execute(update(bill_connections).values(last_error="HTTP 403"))
    page = html(admin, "/acme-co/reconciliation")
    assert "The last read of “<bdi>&lt;em&gt;Main&lt;/em&gt;</bdi>” failed" in page
