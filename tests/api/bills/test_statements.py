"""Statements people type in: kept exactly, corrected with their history, withdrawn with a reason, audited."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Engine, select

from api.db.models import AuditRecord, Role
from api.db.session import reading
from pipelines.lake.bills import bill_connections, bill_periods
from pipelines.lake.clock import FixedClock
from tests.api.conftest import Browser, People
from tests.conftest import on_sqlite

JUNE: dict[str, Any] = {
    "provider": "openai",
    "month": "2026-06",
    "lines": [
        {"amount": "1403.770000000001", "description": "API usage"},
        {"amount": "25", "category": "credit", "description": "Promotional credit"},
        {"amount": "100.27", "category": "tax"},
        {"amount": "500", "category": "prepaid"},
    ],
    "note": "Invoice 118",
}


def admin(people: People, workspace_id: str) -> Browser:
    return people.member(workspace_id, "admin@acme.co", Role.ADMIN)


def events(engine: Engine, workspace_id: str, prefix: str) -> list[tuple[str, dict[str, Any]]]:
    with reading(engine) as session:
        query = select(AuditRecord).where(AuditRecord.workspace_id == workspace_id).order_by(AuditRecord.position)
        return [(one.event, json.loads(one.details)) for one in session.scalars(query) if one.event.startswith(prefix)]


def stated(browser: Browser, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
    answer = browser.json("PUT", "/v1/acme-co/bills/statement", body)
    assert answer.status_code == status, answer.text
    return answer.json()


def listed(browser: Browser, query: str = "") -> list[dict[str, Any]]:
    answer = browser.client.get(f"/v1/acme-co/bills{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()["bills"]


def test_a_statement_is_kept_exactly_category_by_category(engine: Engine, workspace_id: str, people: People):
    browser = admin(people, workspace_id)
    done = stated(browser, JUNE)
    assert (done["new"], done["restated"], done["unchanged"]) == (1, 0, 0)
    (bill,) = listed(browser)
    assert bill["usd_by_category"] == {
        "credit": "-25.000000000000",
        "prepaid": "500.000000000000",
        "tax": "100.270000000000",
        "usage": "1403.770000000001",
    }
    days = (bill["first_day"], bill["last_day"], bill["revision"], bill["read_by"])
    assert days == ("2026-06-01", "2026-06-30", 1, "admin@acme.co")
    shown = browser.client.get(f"/v1/acme-co/bills/periods/{bill['id']}").json()
    assert {line["amount_usd"] for line in shown["lines"]} == {"1403.770000000001", "-25", "100.27", "500"}
    (event,) = events(engine, workspace_id, "bill.")
    assert event[0] == "bill.stated"
    assert event[1]["usage_usd"] == "1403.770000000001"
    assert event[1]["corrects_an_earlier_one"] is False


def test_a_correction_is_a_new_revision_and_the_same_again_is_nothing(
    engine: Engine, workspace_id: str, people: People, clock: FixedClock
):
    browser = admin(people, workspace_id)
    stated(browser, JUNE)
    assert stated(browser, JUNE)["unchanged"] == 1
    corrected = {**JUNE, "lines": [{"amount": "1400"}]}
    assert stated(browser, corrected)["restated"] == 1
    (bill,) = listed(browser)
    assert (bill["revision"], bill["usd_by_category"]) == (2, {"usage": "1400.000000000000"})
    history = listed(browser, "?history=1")
    assert sorted((one["revision"], one["superseded_at"] is None) for one in history) == [(1, False), (2, True)]
    shown = browser.client.get(f"/v1/acme-co/bills/periods/{bill['id']}").json()
    assert [one["revision"] for one in shown["revisions"]] == [2, 1]
    assert [name for name, _ in events(engine, workspace_id, "bill.")] == ["bill.stated"] * 2


def test_a_statement_is_withdrawn_with_a_reason_and_its_days_may_be_stated_again(
    engine: Engine, workspace_id: str, people: People
):
    browser = admin(people, workspace_id)
    stated(browser, JUNE)
    (bill,) = listed(browser)
    path = f"/v1/acme-co/bills/periods/{bill['id']}/withdraw"
    assert browser.json("POST", path, {"reason": " "}).status_code == 422
    assert browser.json("POST", path, {"reason": "Of another organization"}).status_code == 200
    assert listed(browser) == []
    assert browser.json("POST", path, {"reason": "Again"}).status_code == 404
    assert stated(browser, JUNE)["new"] == 1
    assert listed(browser)[0]["revision"] == 2
    assert events(engine, workspace_id, "bill.withdrawn")[0][1]["reason"] == "Of another organization"


@on_sqlite
def test_what_was_read_from_a_provider_is_not_withdrawn(engine: Engine, workspace_id: str, people: People):
    browser = admin(people, workspace_id)
    stated(browser, JUNE)
    with engine.begin() as connection:
        connection.execute(bill_connections.update().values(kind="openai_costs"))
    path = f"/v1/acme-co/bills/periods/{listed(browser)[0]['id']}/withdraw"
    answer = browser.json("POST", path, {"reason": "Wrong"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "bill_not_manual")


@on_sqlite
def test_statements_that_cannot_be_meant_are_refused(workspace_id: str, people: People):
    browser = admin(people, workspace_id)
    line = {"amount": "1"}
    for changes in (
        {"provider": "acme"}, {"month": "2026-13"}, {"month": None}, {"first_day": "2026-06-01"},
        {"month": "2019-12"}, {"month": "2031-01"}, {"lines": []}, {"lines": [line] * 501},
        {"lines": [{"amount": "1e400"}]}, {"lines": [{"amount": "1,5"}]}, {"lines": [{"amount": 1.5}]},
        {"lines": [{"amount": "9000000"}, {"amount": "9000000"}]}, {"lines": [{**line, "currency": "EUR"}]},
        {"lines": [{**line, "model": "a\u202eb"}]}, {"note": "a\nb"}, {"colour": "red"},
        {"month": None, "first_day": "2026-06-02", "last_day": "2026-06-01"},
        {"month": None, "first_day": "2024-01-01", "last_day": "2025-12-31"},
    ):  # fmt: skip
        stated(browser, {**JUNE, "lines": [line], **changes}, status=422)
    assert listed(browser, "?history=1") == []


@on_sqlite
def test_bills_are_paged_and_filtered(workspace_id: str, people: People):
    browser = admin(people, workspace_id)
    for month in range(1, 7):
        for provider in ("openai", "gemini"):
            stated(browser, {"provider": provider, "month": f"2026-{month:02}", "lines": [{"amount": "1"}]})
    seen: list[str] = []
    cursor = ""
    while True:
        answer = browser.client.get(f"/v1/acme-co/bills?limit=5{cursor}").json()
        seen += [one["id"] for one in answer["bills"]]
        if answer["next_cursor"] is None:
            break
        cursor = f"&cursor={answer['next_cursor']}"
    assert len(seen) == len(set(seen)) == 12
    assert seen == [one["id"] for one in listed(browser)]
    found = listed(browser, "?provider=gemini&from=2026-02-15&to=2026-03-01")
    assert [(one["provider"], one["first_day"]) for one in found] == [
        ("gemini", "2026-03-01"),
        ("gemini", "2026-02-01"),
    ]
    for wrong in ("?limit=0", "?limit=501", "?limit=x", "?from=2026-6-1", "?history=0", "?colour=red", "?cursor=x"):
        assert browser.client.get(f"/v1/acme-co/bills{wrong}").status_code == 422, wrong


def test_many_statements_of_the_same_days_at_once_leave_one_in_force(engine: Engine, workspace_id: str, people: People):
    browser = admin(people, workspace_id)
    bodies = [{**JUNE, "lines": [{"amount": str(number)}]} for number in range(1, 9)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda body: browser.json("PUT", "/v1/acme-co/bills/statement", body), bodies))
    assert {answer.status_code for answer in answers} == {200}
    with reading(engine) as session:
        rows = session.execute(select(bill_periods.c.revision, bill_periods.c.superseded_at_us)).all()
        assert session.execute(select(bill_connections.c.id)).all().__len__() == 1
    assert sorted(row.revision for row in rows) == list(range(1, 9))
    assert [row.revision for row in rows if row.superseded_at_us is None] == [8]
