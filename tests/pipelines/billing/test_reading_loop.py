"""The loop that reads bills by itself: what is due, whatever fails, until it is told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from pipelines.analysis.inputs import finance_trace
from pipelines.billing import reading_loop
from pipelines.billing.reading_loop import keep_bills_read
from pipelines.billing.run import read_bills
from pipelines.lake.bills import ConnectionKind, bill_connections
from tests.billing_fakes.ledger import ADMIN_KEY
from tests.conftest import on_sqlite
from tests.pipelines.billing.conftest import FIRST, LAST, NO_WAITING, Bills

pytestmark = on_sqlite
DAYS = (LAST - FIRST).days + 1


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def errors(bills: Bills) -> list[str | None]:
    of = bill_connections.c
    with bills.engine.connect() as connection:
        return list(connection.execute(select(of.last_error).order_by(of.created_at_us)).scalars())


def test_what_is_due_is_read_whatever_fails_and_changes_what_the_analysis_is_made_from(
    bills: Bills, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    broken, _ = bills.serve(ConnectionKind.ANTHROPIC_ANALYTICS)
    good, _ = bills.serve(ConnectionKind.OPENAI_COSTS)
    broken.knobs.refuse = 403
    looks: list[int] = []

    def unsteady(*given: Any, **named: Any) -> Any:
        looks.append(len(good.calls))
        if len(looks) == 1:
            raise OperationalError("select", {}, Exception("the database is away"))
        if len(looks) == 2:
            raise RuntimeError("a fault of ours")
        return read_bills(*given, **named)

    monkeypatch.setattr(reading_loop, "read_bills", unsteady)
    monkeypatch.setattr(reading_loop, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(reading_loop, "AFTER_FAULT_SECONDS", 0.01)
    before, stop = finance_trace(bills.engine), threading.Event()
    given = (bills.home, bills.engine, bills.clock, stop, NO_WAITING)
    loop = threading.Thread(target=keep_bills_read, args=given)
    loop.start()
    try:
        until(lambda: len(looks) > 5)
        assert len(bills.periods()) == DAYS
        assert finance_trace(bills.engine) != before
        first, second = errors(bills)
        assert "may not read bills" in (first or "")
        assert second is None
        assert looks[4] == looks[5]  # neither is asked again before it is due
        broken.knobs.refuse = None
        bills.clock.advance(timedelta(hours=1))
        until(lambda: errors(bills) == [None, None])
        assert len(bills.periods()) == 2 * DAYS
    finally:
        stop.set()
        loop.join(30)
    assert not loop.is_alive()
    assert "the database is away" in caplog.text
    assert "a fault of ours" in caplog.text
    assert "next try in 60 min: Anthropic answered 403" in caplog.text
    assert f"{DAYS} days new" in caplog.text
    assert ADMIN_KEY not in caplog.text


def test_told_to_stop_it_waits_for_no_provider(bills: Bills) -> None:
    busy, _ = bills.serve(ConnectionKind.ANTHROPIC_ANALYTICS)
    other, _ = bills.serve(ConnectionKind.OPENAI_COSTS)
    busy.knobs.busy, busy.knobs.retry_after = 99, "100"
    stop = threading.Event()
    loop = threading.Thread(target=keep_bills_read, args=(bills.home, bills.engine, bills.clock, stop))
    loop.start()
    until(lambda: bool(busy.calls))
    stop.set()
    loop.join(10)
    assert not loop.is_alive()
    assert other.calls == []
    assert errors(bills) == [None, None]  # it is due again at once
