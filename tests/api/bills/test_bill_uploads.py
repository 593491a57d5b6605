"""Invoice files by JSON: uploaded, looked at, taken whole or not at all, forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, func, select

from api.bills.uploads import UPLOADS_MAX
from api.db.models import BillUpload, Role
from api.db.session import reading
from pipelines.lake.clock import FixedClock
from tests.api.access_headers import form_headers
from tests.api.bills.test_statements import JUNE, admin, events, listed, stated
from tests.api.conftest import Browser, People
from tests.conftest import on_sqlite

FILE = (
    b"Invoice 118\nDate,Cost (USD),Type,Model\n2026-06-01,10.5,usage,gpt-5\n2026-06-01,2,gift,\n"
    b"2026-06-02,3.25,usage,gpt-5\nTotal,11.75,,\n"
)
TAKE: dict[str, Any] = {
    "provider": "openai",
    "columns": {"date": 0, "amount": 1, "category": 2, "model": 3},
    "header_row": 2,
    "rows_left_out": [6],
    "day_format": "iso",
    "categories": {"Gift": "credit"},
}


def upload(browser: Browser, content: bytes = FILE, status: int = 200, name: str = "june.csv") -> dict[str, Any]:
    answer = browser.client.post(
        "/v1/acme-co/bills/uploads", params={"file_name": name}, content=content, headers=form_headers(browser)
    )
    assert answer.status_code == status, answer.text
    return answer.json()


def call(browser: Browser, upload_id: str, what: str, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
    answer = browser.json("POST", f"/v1/acme-co/bills/uploads/{upload_id}/{what}", body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_file_is_uploaded_looked_at_mapped_and_taken(engine: Engine, workspace_id: str, people: People):
    browser = admin(people, workspace_id)
    seen = upload(browser)
    assert (seen["header_row"], seen["decimal_mark"], seen["day_format"]) == (2, ".", "iso")
    looks = {column["name"]: column["looks_like"] for column in seen["columns"]}
    assert looks == {"Date": "date", "Cost (USD)": "amount", "Type": "category", "Model": "model"}
    assert seen["head"][0] == {"row": 1, "cells": ["Invoice 118"]}
    asked = call(browser, seen["upload_id"], "preview", {**TAKE, "categories": {}, "rows_left_out": []})
    assert (asked["problem_count"], asked["unknown_categories"], asked["bills"]) == (2, ["gift"], [])
    call(browser, seen["upload_id"], "confirm", {**TAKE, "rows_left_out": []}, status=422)
    assert listed(browser) == []
    shown = call(browser, seen["upload_id"], "preview", TAKE)
    assert shown["total_usd_by_category"] == {"credit": "-2.000000000000", "usage": "13.750000000000"}
    assert [day["first_day"] for day in shown["bills"]] == ["2026-06-01", "2026-06-02"]
    assert listed(browser) == []
    assert call(browser, seen["upload_id"], "confirm", TAKE)["new"] == 2
    assert [bill["usd_by_category"] for bill in listed(browser)] == [
        {"usage": "3.250000000000"},
        {"credit": "-2.000000000000", "usage": "10.500000000000"},
    ]
    assert seen["sha256"] in listed(browser)[0]["note"]
    (event,) = events(engine, workspace_id, "bill.")
    assert (event[0], event[1]["rows"], event[1]["sha256"]) == ("bill.file_taken", 3, seen["sha256"])
    call(browser, seen["upload_id"], "confirm", TAKE, status=404)
    with reading(engine) as session:
        assert session.execute(select(func.count()).select_from(BillUpload)).scalar_one() == 0


def test_a_file_of_one_period_corrects_the_statement_of_it(workspace_id: str, people: People):
    browser = admin(people, workspace_id)
    stated(browser, JUNE)
    seen = upload(browser, b"item;amount\nTokens;1.400,50\nSupport;9,5\n")
    assert (seen["delimiter"], seen["decimal_mark"]) == (";", ",")
    take = {"provider": "openai", "columns": {"description": 0, "amount": 1}, "decimal_mark": ",", "month": "2026-06"}
    call(browser, seen["upload_id"], "preview", {**take, "month": None}, status=422)
    assert call(browser, seen["upload_id"], "preview", take)["restated"] == 1
    assert call(browser, seen["upload_id"], "confirm", take)["restated"] == 1
    (bill,) = listed(browser)
    assert (bill["revision"], bill["usd_by_category"]) == (2, {"usage": "1410.000000000000"})


@on_sqlite
def test_files_wait_for_a_day_and_few_at_a_time(workspace_id: str, people: People, clock: FixedClock):
    browser = admin(people, workspace_id)
    ids = [upload(browser)["upload_id"] for _ in range(UPLOADS_MAX)]
    assert upload(browser, status=409)["error"]["code"] == "too_many_bill_uploads"
    assert browser.json("DELETE", f"/v1/acme-co/bills/uploads/{ids[0]}").status_code == 204
    upload(browser)
    clock.advance(timedelta(days=1, seconds=1))
    call(browser, ids[1], "preview", TAKE, status=404)
    upload(browser)


@on_sqlite
def test_names_of_files_and_cells_are_shown_as_visible_text(workspace_id: str, people: People):
    browser = admin(people, workspace_id)
    seen = upload(browser, "date,amount\n2026-06-01,\u202e1\u0007\n".encode(), name="../../etc/\u202epasswd\n=1+1")
    assert seen["file_name"] == "../../etc/\ufffdpasswd\ufffd=1+1"
    assert seen["head"][1]["cells"] == ["2026-06-01", "\ufffd1\ufffd"]


@on_sqlite
def test_what_is_too_large_or_no_table_is_refused(workspace_id: str, people: People):
    browser = admin(people, workspace_id)
    assert upload(browser, b"x" * (10 * 1024 * 1024 + 1), status=413)["error"]["code"] == "bill_file_too_large"
    assert upload(browser, b"\x00\x01\x02", status=422)["error"]["code"] == "bill_file_unusable"
    assert upload(browser, b"", status=422)["error"]["code"] == "bill_file_unusable"


@on_sqlite
def test_a_members_file_is_not_taken(workspace_id: str, people: People):
    member = people.member(workspace_id, "member@acme.co", Role.MEMBER)
    assert upload(member, status=403)["error"]["code"] == "not_allowed"
