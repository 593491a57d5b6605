"""Closed months: signed as they stood, once, whole or not at all; opened again with a reason; proved."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Engine, func, insert, select, update

from api.audit import OPERATOR, verify_chain
from api.audit.digests import Signer
from api.cli.main import cli
from api.closes.closing import close_month, list_closes, prove_close
from api.closes.figures import read_figures
from api.db.models import MonthClose, MonthCloseTotal, Role
from api.db.session import reading, transaction
from api.errors import Refused
from pipelines.analysis.exports import read_finance
from pipelines.lake.clock import FixedClock, to_micros
from pipelines.lake.ledger import landed_files
from pipelines.lake.paths import Home
from tests.api.bills.test_statements import events, stated
from tests.api.closes.published_analysis import COLUMNS, Figures
from tests.api.conftest import Browser, People
from tests.api.dashboards.snapshot import contracts
from tests.conftest import on_sqlite

JUNE = date(2026, 6, 1)
BUILT = datetime(2026, 7, 1, 11, 0, tzinfo=UTC)
HUGE = 2**63 + 17
STATEMENT: dict[str, Any] = {"provider": "openai", "month": "2026-06", "lines": [{"amount": "7"}]}


@pytest.fixture
def figures(home: Home, engine: Engine, workspace_id: str) -> Figures:
    made = Figures(home, engine)
    said = {"requests": 3, "unpriced_requests": 1, "logged_picousd": HUGE, "priced_picousd": 5 * 10**12}
    made.month(workspace_id, JUNE, "openai", **said, billed_picousd=7 * 10**12, variance_picousd=HUGE - 7 * 10**12)
    made.month(workspace_id, JUNE, "xai", **said, billed_picousd=None, variance_picousd=None, colour=None, source=None)
    made.month(workspace_id, JUNE, "all", **{**said, "requests": 6}, billed_picousd=7 * 10**12)
    made.month(str(uuid4()), JUNE, "gemini", **said)
    made.month(workspace_id, date(2026, 5, 1), "gemini", **said)
    return made


@pytest.fixture
def browser(people: People, workspace_id: str) -> Browser:
    return people.member(workspace_id, "admin@acme.co", Role.ADMIN)


def test_the_figures_are_those_of_the_marts_contract():
    contract = contracts()["mart_reconciliation_monthly"]
    assert {name: contract.get(name) for name in COLUMNS} == COLUMNS


def close(browser: Browser, month: str = "2026-06", status: int = 200) -> dict[str, Any]:
    answer = browser.json("POST", "/v1/acme-co/closes", {"month": month})
    assert answer.status_code == status, answer.text
    return answer.json()


def code(answer: dict[str, Any]) -> str:
    return answer["error"]["code"]


def land(engine: Engine, workspace_id: str, seq: int, at: datetime) -> None:
    """Note a landed file with one request of an instant."""
    numbers = {column.name: 0 for column in landed_files.c if column.name.endswith("tokens")}
    with engine.begin() as connection:
        connection.execute(
            insert(landed_files).values(
                file_seq=seq,
                file_id=str(uuid4()),
                workspace_id=workspace_id,
                relative_path=f"{seq}.parquet",
                received_day="2026-07-01",
                row_count=1,
                byte_count=1,
                sha256="0" * 64,
                cost_logged_millicents=0,
                unpriced_rows=0,
                first_requested_at_us=to_micros(at),
                last_requested_at_us=to_micros(at),
                committed_at_us=to_micros(BUILT),
                schema_version=1,
                **numbers,
            )
        )


def test_a_close_says_and_signs_the_figures_as_they_stand(
    engine: Engine, home: Home, workspace_id: str, figures: Figures, browser: Browser
):
    analysis_id = figures.publish(BUILT)
    made = close(browser)
    assert [total["provider"] for total in made["totals"]] == ["all", "openai", "xai"]
    openai, xai = made["totals"][1:]
    assert openai["logged_usd"] == "9223372.036854775825"
    assert (openai["billed_usd"], xai["billed_usd"], xai["variance_usd"]) == ("7.000000000000", None, None)
    assert (made["number"], made["closed_by"], made["analysis_id"]) == (1, "admin@acme.co", analysis_id)
    assert (made["faults"], made["signed_by_this_server"]) == ([], True)
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(made["public_key"]))
    key.verify(bytes.fromhex(made["signature"]), made["document"].encode())
    said = json.loads(made["document"])
    assert (said["format"], said["month"], said["closed_at"]) == (
        "halton-month-close-1", "2026-06-01", "2026-07-01T12:00:00Z",
    )  # fmt: skip
    assert json.dumps(said, sort_keys=True, separators=(",", ":")) == made["document"]
    (event,) = events(engine, workspace_id, "month.")
    assert (event[0], event[1]["digest"]) == ("month.closed", made["digest"])
    exported = read_finance(engine)
    assert exported["closes"].to_pylist()[0]["digest"] == made["digest"]
    totals = {row["provider"]: row for row in exported["close_totals"].to_pylist()}
    assert set(totals) == {"all", "openai", "xai"}
    assert int(totals["openai"]["logged_picousd"]) == HUGE


def test_a_month_is_closed_once_and_again_only_after_it_was_opened(
    engine: Engine, workspace_id: str, figures: Figures, browser: Browser
):
    figures.publish(BUILT)
    first = close(browser)
    assert code(close(browser, status=409)) == "month_closed"
    path = "/v1/acme-co/closes/2026-06/reopen"
    assert browser.json("POST", path, {"reason": ""}).status_code == 422
    opened = browser.json("POST", path, {"reason": "The 14th was restated"}).json()
    assert (opened["reopened_by"], opened["reopen_reason"]) == ("admin@acme.co", "The 14th was restated")
    assert opened["digest"] == first["digest"]
    assert code(browser.json("POST", path, {"reason": "Again"}).json()) == "month_not_closed"
    figures.publish(BUILT)
    assert close(browser)["number"] == 2
    listed = browser.client.get("/v1/acme-co/closes").json()["closes"]
    assert [(one["number"], one["reopened_at"] is None, one["faults"]) for one in listed] == [
        (2, True, []),
        (1, False, []),
    ]
    assert [name for name, _ in events(engine, workspace_id, "month.")] == [
        "month.closed", "month.reopened", "month.closed",
    ]  # fmt: skip
    with reading(engine) as session:
        assert verify_chain(session, workspace_id)


@on_sqlite
def test_a_month_is_refused_while_something_of_it_is_not_in_the_figures(
    engine: Engine, workspace_id: str, figures: Figures, browser: Browser, clock: FixedClock
):
    assert code(close(browser, status=409)) == "month_not_built"
    assert code(close(browser, "2026-07", status=409)) == "month_not_over"
    figures.publish(datetime(2026, 6, 30, 23, 59, tzinfo=UTC))
    assert "before the month was over" in close(browser, status=409)["error"]["message"]
    figures.publish(BUILT, max_file_seq=4)
    land(engine, workspace_id, 4, datetime(2026, 6, 12, tzinfo=UTC))
    land(engine, workspace_id, 5, datetime(2026, 7, 1, tzinfo=UTC))
    land(engine, workspace_id, 6, datetime(2026, 5, 31, 23, 59, 59, tzinfo=UTC))
    assert code(close(browser, "2026-04", status=409)) == "month_empty"
    land(engine, workspace_id, 7, datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC))
    assert "Requests of the month" in close(browser, status=409)["error"]["message"]
    figures.publish(BUILT, max_file_seq=7)
    stated(browser, STATEMENT)
    assert "Bills of the month" in close(browser, status=409)["error"]["message"]
    figures.publish(clock.now(), max_file_seq=7)
    close(browser)


@on_sqlite
def test_bills_that_change_between_reading_and_closing_stop_it(
    engine: Engine, home: Home, workspace_id: str, figures: Figures, browser: Browser, clock: FixedClock
):
    figures.publish(BUILT)
    read = read_figures(home, engine, workspace_id, JUNE)
    stated(browser, STATEMENT)
    with pytest.raises(Refused, match="Bills of the month"), transaction(engine) as session:
        close_month(session, workspace_id, read, Signer.of(home), actor=OPERATOR, at=clock.now())


def test_of_many_at_once_one_closes_the_month(
    engine: Engine, home: Home, workspace_id: str, figures: Figures, clock: FixedClock
):
    figures.publish(BUILT)
    read, signer = read_figures(home, engine, workspace_id, JUNE), Signer.of(home)

    def one(_number: int) -> str:
        try:
            with transaction(engine) as session:
                return close_month(session, workspace_id, read, signer, actor=OPERATOR, at=clock.now()).id
        except Refused as refused:
            return refused.code

    with ThreadPoolExecutor(32) as pool:
        outcomes = list(pool.map(one, range(32)))
    assert outcomes.count("month_closed") == 31
    with reading(engine) as session:
        (made,) = list_closes(session, workspace_id)
        assert made.id in outcomes
        totals = select(func.count()).select_from(MonthCloseTotal)
        assert session.execute(totals).scalar_one() == 3
    assert len(events(engine, workspace_id, "month.")) == 1


@on_sqlite
@pytest.mark.parametrize(
    ("table", "values", "fault"),
    [
        (MonthClose, {"document": "{}"}, "the document cannot be read"),
        (MonthClose, {"digest": "1" * 64}, "the digest is not that of the document"),
        (MonthClose, {"signature": "1" * 128}, "the signature does not hold"),
        (MonthClose, {"closed_by": "eve@acme.co"}, "the close's columns are not what was signed"),
        (MonthClose, {"closed_at_us": 1}, "the close's columns are not what was signed"),
        (MonthClose, {"max_file_seq": 9}, "the close's columns are not what was signed"),
        (MonthCloseTotal, {"logged_picousd": "1"}, "the totals are not those that were signed"),
    ],
)
def test_whatever_is_changed_afterwards_shows(
    engine: Engine,
    home: Home,
    workspace_id: str,
    figures: Figures,
    browser: Browser,
    table: Any,
    values: dict[str, Any],
    fault: str,
):
    figures.publish(BUILT)
    close(browser)
    with engine.begin() as connection:
        connection.execute(update(table).values(values))
    with reading(engine) as session:
        proof = prove_close(session, list_closes(session, workspace_id)[0], Signer.of(home).public_key)
    assert fault in proof.faults
    shown = browser.client.get("/v1/acme-co/closes")
    assert (shown.status_code, shown.json()["closes"][0]["faults"]) == (200, list(proof.faults))


@on_sqlite
def test_the_commands_close_list_prove_and_open(
    home: Home, engine: Engine, workspace_id: str, figures: Figures, monkeypatch: pytest.MonkeyPatch
):
    figures.publish(BUILT)
    run = CliRunner()
    of = ["--workspace", "acme-co"]

    def told(*words: str, status: int = 0) -> Any:
        result = run.invoke(cli, ["month", *words, *of])
        assert result.exit_code == status, result.output
        return json.loads(result.stdout)

    assert told("close", "2026-06")["close"]["number"] == 1
    assert told("verify") == {"closes": 1, "faults": [], "other_keys": 0}
    with engine.begin() as connection:
        connection.execute(update(MonthClose).values(build_id="b0"))
    assert told("verify", status=1)["faults"][0]["fault"] == "the close's columns are not what was signed"
    assert told("reopen", "2026-06", "--reason", "Wrong build")["close"]["reopen_reason"] == "Wrong build"
    (home.secrets / "audit-signing.key").write_bytes(b"x" * 32)
    assert told("verify", status=1)["other_keys"] == 1
    assert [one["reopened_at"] is None for one in told("list")["closes"]] == [False]


@on_sqlite
def test_a_late_request_leaves_the_close_as_it_was(
    engine: Engine, workspace_id: str, figures: Figures, browser: Browser, clock: FixedClock
):
    figures.publish(BUILT)
    before = close(browser)
    land(engine, workspace_id, 1, datetime(2026, 6, 12, tzinfo=UTC))
    clock.advance(timedelta(days=3))
    (after,) = browser.client.get("/v1/acme-co/closes").json()["closes"]
    assert after == before
    exported = read_finance(engine)["closes"].to_pylist()[0]
    assert exported["max_file_seq"] == 0  # what tells the late file from those that were in
