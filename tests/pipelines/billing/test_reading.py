"""Which days are read when, what replaces what, and that no connection stands in another's way."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text, update

from api.audit import OPERATOR
from api.bills.connections import remove_connection
from api.db.session import transaction
from pipelines.billing import run
from pipelines.billing.bills import BilledLine, BilledPeriod, BillError
from pipelines.billing.recording import ConnectionGoneError, record_periods
from pipelines.billing.turns import TurnTakenError, turn
from pipelines.lake.bills import ConnectionKind, bill_connections
from tests.billing_fakes.ledger import ADMIN_KEY
from tests.conftest import on_sqlite
from tests.pipelines.billing.conftest import FIRST, LAST, Bills

ANTHROPIC, OPENAI = ConnectionKind.ANTHROPIC_ANALYTICS, ConnectionKind.OPENAI_COSTS
XAI = ConnectionKind.XAI_USAGE
DAYS = (LAST - FIRST).days + 1


def connections(bills: Bills) -> list[Any]:
    with bills.engine.connect() as connection:
        return list(connection.execute(select(bill_connections).order_by(bill_connections.c.created_at_us)).all())


def fake_url(bills: Bills, connection_id: str) -> str:
    return next(json.loads(one.settings)["base_url"] for one in connections(bills) if one.id == connection_id)


def span(reading: run.Reading) -> tuple[date | None, date | None]:
    return reading.first_day, reading.last_day


def counts(reading: run.Reading) -> tuple[int, int, int]:
    assert reading.error is None
    return reading.recorded.new, reading.recorded.restated, reading.recorded.unchanged


def test_the_second_reading_writes_nothing(bills: Bills) -> None:
    bills.serve(ANTHROPIC)
    assert counts(bills.read()) == (DAYS, 0, 0)
    before = bills.periods(superseded=True), bills.lines()
    assert counts(bills.read()) == (0, 0, 7)
    assert (bills.periods(superseded=True), bills.lines()) == before


def test_a_restated_day_replaces_and_keeps_what_was_said(bills: Bills) -> None:
    fake, _ = bills.serve(ANTHROPIC)
    bills.read()
    day = LAST - timedelta(days=3)
    before = fake.ledger.amount(day, day)
    fake.ledger.restate(day, 1_000)
    assert counts(bills.read()) == (0, 1, 6)
    old, new = [one for one in bills.periods(superseded=True) if one.first_day == day.isoformat()]
    assert (old.revision, new.revision) == (1, 2)
    assert (old.superseded_at_us, new.superseded_at_us) == (new.read_at_us, None)
    total = sum(line.amount_picousd for line in bills.lines() if line.first_day == day.isoformat())
    assert total == int(fake.ledger.amount(day, day).scaleb(12)) > int(before.scaleb(12))
    fake.ledger.restate(day, -1_000)  # and back again: a third revision, not the first one revived
    assert counts(bills.read()) == (0, 1, 6)
    assert [one.revision for one in bills.periods() if one.first_day == day.isoformat()] == [3]


@on_sqlite
def test_the_first_reading_begins_at_the_start_day_and_later_ones_look_back(bills: Bills) -> None:
    bills.serve(ANTHROPIC)
    assert span(bills.read()) == (FIRST, LAST)
    assert span(bills.read()) == (LAST - timedelta(days=6), LAST)
    bills.clock.advance(timedelta(days=1))
    assert span(bills.read()) == (LAST - timedelta(days=5), LAST + timedelta(days=1))
    bills.clock.advance(timedelta(days=30))
    assert span(bills.read()) == (LAST - timedelta(days=4), LAST + timedelta(days=31))


@on_sqlite
def test_no_day_is_missed_by_reading_others_first(bills: Bills) -> None:
    bills.serve(ANTHROPIC)
    assert span(bills.read(first_day=LAST)) == (LAST, LAST)
    assert span(bills.read(last_day=FIRST + timedelta(days=9))) == (
        FIRST + timedelta(days=3),
        FIRST + timedelta(days=9),
    )
    assert span(bills.read()) == (FIRST, LAST)
    assert len(bills.periods()) == DAYS


@on_sqlite
def test_days_to_come_and_before_the_start_are_not_asked_for(bills: Bills) -> None:
    fake, _ = bills.serve(ANTHROPIC)
    reading = bills.read(first_day=date(2020, 1, 1), last_day=date(2030, 1, 1))
    assert span(reading) == (FIRST, LAST)
    fake.calls.clear()
    assert counts(bills.read(first_day=date(2030, 1, 1))) == (0, 0, 0)
    assert fake.calls == []


@on_sqlite
def test_a_day_is_complete_a_day_after_its_end(bills: Bills) -> None:
    bills.serve(ANTHROPIC)
    bills.read()
    assert [one.is_complete for one in bills.periods()] == [True] * (DAYS - 1) + [False]
    bills.clock.advance(timedelta(hours=12))
    assert counts(bills.read()) == (0, 1, 5)
    assert all(one.is_complete for one in bills.periods() if one.first_day <= LAST.isoformat())


@on_sqlite
def test_a_late_day_is_not_taken_for_a_free_one(bills: Bills) -> None:
    fake, _ = bills.serve(ANTHROPIC)
    fake.knobs.late = {LAST, LAST - timedelta(days=1)}
    assert counts(bills.read()) == (DAYS - 2, 0, 0)
    fake.knobs.late = {LAST}
    assert counts(bills.read()) == (1, 0, 5)
    bills.clock.advance(timedelta(days=3))
    fake.knobs.late = set()
    bills.read()
    assert [one.is_complete for one in bills.periods()] == [True] * DAYS


@on_sqlite
def test_a_day_that_stays_free_is_written_when_it_is_read_for_the_last_time(bills: Bills) -> None:
    fake, _ = bills.serve(ANTHROPIC)
    fake.ledger.used = [one for one in fake.ledger.used if one.day != LAST]
    fake.ledger.requests = {key: count for key, count in fake.ledger.requests.items() if key[0] != LAST}
    for _ in range(6):
        bills.read()
        assert len(bills.periods()) == DAYS - 1
        bills.clock.advance(timedelta(days=1))
    bills.read()
    free = [one for one in bills.periods() if one.first_day == LAST.isoformat()]
    assert [(one.is_complete, one.revision) for one in free] == [(True, 1)]
    assert not [line for line in bills.lines() if line.first_day == LAST.isoformat()]


@on_sqlite
def test_one_that_fails_says_why_and_stops_no_other(bills: Bills, caplog: pytest.LogCaptureFixture) -> None:
    broken, _ = bills.serve(ANTHROPIC)
    bills.serve(OPENAI)
    broken.knobs.refuse = 403
    failed, good = bills.read_all()
    assert "may not read bills" in (failed.error or "")
    assert counts(good) == (DAYS, 0, 0)
    first, second = connections(bills)
    assert (first.last_error, first.last_success_at_us) == (failed.error, None)
    assert (second.last_error, second.last_attempt_at_us) == (None, second.last_success_at_us)
    broken.knobs.refuse = None
    assert [one.error for one in bills.read_all()] == [None, None]
    assert connections(bills)[0].last_error is None
    assert ADMIN_KEY not in caplog.text


@on_sqlite
def test_a_fault_of_ours_is_logged_without_the_key_and_stops_no_other(
    bills: Bills, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bills.serve(ANTHROPIC)
    bills.serve(OPENAI)
    usual = run.read_days

    def faulty(kind: ConnectionKind, settings: Any, credential: str, *rest: Any) -> Any:
        if kind is ANTHROPIC:
            raise RuntimeError(f"sent {credential}")
        return usual(kind, settings, credential, *rest)

    monkeypatch.setattr(run, "read_days", faulty)
    failed, good = bills.read_all()
    assert failed.error == "Reading failed unexpectedly (RuntimeError); the server's log says more."
    assert good.error is None
    assert "RuntimeError: sent …" in caplog.text
    assert ADMIN_KEY not in caplog.text + str(connections(bills)) + str(failed)


@on_sqlite
def test_only_what_is_due_is_read(bills: Bills) -> None:
    fake, _ = bills.serve(ANTHROPIC)
    assert len(bills.read_all(only_due=True)) == 1
    assert bills.read_all(only_due=True) == []
    bills.clock.advance(timedelta(days=1))
    fake.knobs.refuse = 401
    assert len(bills.read_all(only_due=True)) == 1
    bills.clock.advance(timedelta(minutes=59))
    assert bills.read_all(only_due=True) == []
    bills.clock.advance(timedelta(minutes=1))
    assert len(bills.read_all(only_due=True)) == 1


@on_sqlite
def test_a_day_is_due_from_five_in_the_morning(bills: Bills) -> None:
    bills.serve(ANTHROPIC)
    bills.read()  # at noon
    bills.clock.advance(timedelta(hours=16, minutes=59))
    assert bills.read_all(only_due=True) == []
    assert span(bills.read()) == (LAST - timedelta(days=5), LAST + timedelta(days=1))  # asked for, it is read any time
    bills.clock.advance(timedelta(minutes=1))
    assert len(bills.read_all(only_due=True)) == 1


@on_sqlite
def test_one_that_is_being_read_is_left_alone_or_waited_for(bills: Bills, monkeypatch: pytest.MonkeyPatch) -> None:
    fake, connection_id = bills.serve(ANTHROPIC)
    with turn(bills.home, connection_id):
        assert bills.read_all(only_due=True) == []
        monkeypatch.setattr(run, "TURN_SECONDS", 0.0)
        assert "Another process reads" in (bills.read().error or "")
        assert fake.calls == []
        assert connections(bills)[0].last_error is None
    assert list(bills.home.bill_turns.iterdir()) == []
    monkeypatch.setattr(run, "TURN_SECONDS", 60.0)
    with ThreadPoolExecutor(1) as pool:
        with turn(bills.home, connection_id):
            waiting = pool.submit(bills.read)
            with pytest.raises(TurnTakenError), turn(bills.home, connection_id, patience_seconds=0.2):
                pytest.fail("two have the turn")
            assert not waiting.done()
        assert counts(waiting.result()) == (DAYS, 0, 0)


@on_sqlite
def test_bills_of_a_workspace_that_is_being_deleted_are_not_read(bills: Bills) -> None:
    bills.serve(ANTHROPIC)
    with bills.engine.begin() as connection:
        connection.execute(text("update workspaces set deletion_requested_at_us = 1"))
    assert bills.read_all() == []


def test_one_ended_and_made_again_counts_each_day_once(bills: Bills) -> None:
    fake, first = bills.serve(ANTHROPIC)
    bills.read()
    with transaction(bills.engine) as session:
        remove_connection(session, bills.workspace_id, first, actor=OPERATOR, at=bills.clock.now())
    second = bills.connect(ANTHROPIC, base_url=fake_url(bills, first), start_day=LAST - timedelta(days=4))
    fake.knobs.late = {LAST}  # nothing is said of it yet: what was said before holds
    assert counts(bills.read()) == (4, 0, 0)
    days = [(LAST - timedelta(days=age)).isoformat() for age in (5, 4, 1, 0)]
    in_force = {one.first_day: one.connection_id for one in bills.periods()}
    assert len(bills.periods()) == len(in_force) == DAYS
    assert [in_force[day] for day in days] == [first, second, second, first]
    fake.knobs.late = set()
    assert counts(bills.read()) == (1, 0, 4)
    assert sum(line.amount_picousd for line in bills.lines()) == int(fake.ledger.amount(FIRST, LAST).scaleb(12))
    assert {one.connection_id for one in bills.periods(superseded=True) if one.superseded_at_us} == {first}


@on_sqlite
def test_two_teams_are_two_accounts(bills: Bills) -> None:
    day = BilledPeriod(first_day=FIRST, last_day=FIRST, lines=(BilledLine(amount=Decimal(1)),))
    ended = bills.connect(XAI, team="team-one")
    record(bills, ended, day)
    with transaction(bills.engine) as session:
        remove_connection(session, bills.workspace_id, ended, actor=OPERATOR, at=bills.clock.now())
    another = bills.connect(XAI, team="team-two")
    record(bills, another, day)
    assert {one.connection_id for one in bills.periods()} == {ended, another}
    again = bills.connect(XAI, team="team-one")
    record(bills, again, replace(day, lines=()))
    assert len(bills.periods()) == 3  # nothing billed yet says nothing about what was billed
    record(bills, again, day)
    assert {one.connection_id for one in bills.periods()} == {again, another}


@on_sqlite
def test_ended_and_manual_connections_are_not_read(bills: Bills) -> None:
    _, connection_id = bills.serve(ANTHROPIC)
    bills.read()
    with transaction(bills.engine) as session:
        remove_connection(session, bills.workspace_id, connection_id, actor=OPERATOR, at=bills.clock.now())
    assert bills.read_all() == []
    assert connections(bills)[0].sealed_credential is None
    assert len(bills.periods()) == DAYS


def test_one_ended_while_it_is_read_writes_nothing(bills: Bills, monkeypatch: pytest.MonkeyPatch) -> None:
    _, connection_id = bills.serve(ANTHROPIC)
    usual = run.read_days

    def slow(*given: Any) -> Any:
        answer = usual(*given)
        with transaction(bills.engine) as session:
            remove_connection(session, bills.workspace_id, connection_id, actor=OPERATOR, at=bills.clock.now())
        return answer

    monkeypatch.setattr(run, "read_days", slow)
    assert "disconnected while" in (bills.read().error or "")
    assert bills.periods() == []


def test_two_who_read_at_once_write_each_day_once(bills: Bills) -> None:
    bills.serve(ANTHROPIC)
    with ThreadPoolExecutor(2) as pool:
        readings = [one for both in pool.map(lambda _: bills.read_all(), range(2)) for one in both]
    assert [one.error for one in readings] == [None, None]
    assert sum(one.recorded.new for one in readings) == len(bills.periods(superseded=True)) == DAYS


@on_sqlite
def test_settings_that_cannot_be_read_and_keys_that_do_not_open_are_plain_words(bills: Bills) -> None:
    bills.serve(ANTHROPIC)
    (home_key,) = bills.home.secrets.glob("*.keys")
    kept = home_key.read_bytes()
    home_key.write_text("A" * 43 + "=\n")
    assert "replace it" in (bills.read().error or "")
    home_key.write_bytes(kept)
    for settings in ("", "[]", "{}", '{"start_day": "never"}', '{"start_day": 5}'):
        with bills.engine.begin() as connection:
            connection.execute(update(bill_connections).values(settings=settings))
        assert bills.read().error == "The connection's settings cannot be read."


def period(*lines: BilledLine, **changes: Any) -> BilledPeriod:
    return BilledPeriod(first_day=FIRST, last_day=changes.pop("last_day", FIRST), lines=lines, **changes)


def record(bills: Bills, connection_id: str, *periods: BilledPeriod) -> Any:
    with bills.engine.begin() as connection:
        return record_periods(connection, connection_id, periods, read_by="vk@acme.co", at=bills.clock.now())


@pytest.fixture
def connection_id(bills: Bills) -> str:
    return bills.connect(ANTHROPIC)


def test_lines_in_another_order_or_notation_are_the_same_bill(bills: Bills, connection_id: str) -> None:
    one, two = BilledLine(amount=Decimal("1.50"), model="m"), BilledLine(amount=Decimal("1E+1"))
    assert record(bills, connection_id, period(one, two)).new == 1
    again = period(BilledLine(amount=Decimal("10.000")), BilledLine(amount=Decimal("1.5"), model="m"))
    assert record(bills, connection_id, again).unchanged == 1
    assert record(bills, connection_id, period(one, two, two)).restated == 1  # twice is another bill


@pytest.mark.parametrize("changes", [{"is_complete": False}, {"request_count": 5}])
def test_other_requests_or_completeness_are_another_statement(
    bills: Bills, connection_id: str, changes: dict[str, Any]
) -> None:
    record(bills, connection_id, period(BilledLine(amount=Decimal(1))))
    assert record(bills, connection_id, period(BilledLine(amount=Decimal(1)), **changes)).restated == 1


@on_sqlite
@pytest.mark.parametrize(
    "bad",
    [
        period(BilledLine(amount=Decimal(5_000_000)), BilledLine(amount=Decimal(5_000_000))),
        period(BilledLine(amount=Decimal(5_000_000)), BilledLine(amount=Decimal(-5_000_000))),
        period(BilledLine(list_amount=Decimal(9_000_000)), BilledLine(list_amount=Decimal(9_000_000))),
        period(BilledLine(amount=Decimal(10_000_000))),
        period(BilledLine(amount=Decimal("NaN"))),
        period(BilledLine(quantity=-1)),
        period(BilledLine(quantity=2**63 - 1), BilledLine(quantity=1)),
        period(BilledLine(model="m" * 256)),
        period(BilledLine(key_ref="")),
        period(BilledLine(currency="dollars")),
        period(last_day=FIRST - timedelta(days=1)),
    ],
)
def test_a_bill_that_does_not_fit_is_refused_with_all_of_its_reading(
    bills: Bills, connection_id: str, bad: BilledPeriod
) -> None:
    good = BilledPeriod(first_day=LAST, last_day=LAST)
    with pytest.raises(BillError):
        record(bills, connection_id, good, bad)
    assert bills.periods() == []


def test_a_connection_that_is_not_there_is_said(bills: Bills) -> None:
    with pytest.raises(ConnectionGoneError):
        record(bills, "00000000-0000-4000-8000-000000000000", period())
