"""When an analysis is due, and the process that keeps it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from api.audit import OPERATOR
from api.bills.connections import NewConnection, add_connection
from api.db.session import transaction
from pipelines.analysis import loop
from pipelines.analysis.__main__ import NICENESS
from pipelines.analysis.inputs import AnalysisInputs
from pipelines.analysis.loop import FIRST_BACK_OFF, IDLE_LOOK, LONGEST_BACK_OFF, SPACING, Marts, Pace, keep_analysed
from pipelines.analysis.run import AnalysisFailed, AnalysisResult
from pipelines.billing.connections import ConnectionSettings
from pipelines.billing.credentials import CredentialVault
from pipelines.lake.bills import ConnectionKind, bill_connections, bill_periods
from pipelines.lake.clock import SystemClock
from tests.billing_fakes.ledger import ADMIN_KEY, Fake, seeded
from tests.billing_fakes.openai import KINDS, openai_app
from tests.billing_fakes.serving import served
from tests.pipelines.analysis.bills import bill
from tests.pipelines.lake_builder import NOON, Lake

REPOSITORY = Path(__file__).parents[3]
TODAY = SystemClock().now().date()
"""The process has the machine's clock."""
SAME, NEWER = Marts("b1", "b1"), Marts("b2", "b1")


def result(finance: dict[str, str] | None = None, *, is_new: bool = True) -> AnalysisResult:
    inputs = AnalysisInputs(build_id="b1", finance=finance or {}, project="", days={})
    return AnalysisResult("a1", "b1", inputs, is_new=is_new, seconds=1.0)


def test_new_rows_wait_and_changed_bills_do_not() -> None:
    pace = Pace()
    assert not pace.is_due(Marts(None, None), NOON, finance_changed=False)
    assert pace.is_due(SAME, NOON, finance_changed=False)  # whether anything changed while nobody looked is not known
    pace.succeeded(result(), (1,), NOON, NOON + timedelta(seconds=30))
    soon = NOON + timedelta(minutes=1)
    assert not pace.is_due(SAME, soon, finance_changed=False)
    assert not pace.is_due(NEWER, soon, finance_changed=False)
    assert pace.is_due(NEWER, soon, finance_changed=True)
    assert pace.is_due(Marts("b1", None), soon, finance_changed=False)  # a purge deleted it
    assert pace.is_due(NEWER, NOON + SPACING, finance_changed=False)
    assert not pace.is_due(SAME, NOON + SPACING, finance_changed=False)
    assert pace.is_due(SAME, NOON + IDLE_LOOK + timedelta(minutes=1), finance_changed=False)


def test_a_look_that_found_nothing_new_does_not_make_new_rows_wait() -> None:
    pace = Pace()
    pace.succeeded(result(is_new=False), (1,), NOON, NOON)
    assert pace.is_due(NEWER, NOON + timedelta(seconds=1), finance_changed=False)


def test_failures_back_off_up_to_half_an_hour_whatever_changes() -> None:
    pace = Pace()
    waits = [pace.failed(NOON) for _ in range(20)]
    assert waits[:3] == [FIRST_BACK_OFF, FIRST_BACK_OFF * 2, FIRST_BACK_OFF * 4]
    assert set(waits[10:]) == {LONGEST_BACK_OFF}
    assert not pace.is_due(NEWER, NOON + timedelta(minutes=29), finance_changed=True)
    assert pace.is_due(NEWER, NOON + LONGEST_BACK_OFF, finance_changed=False)


def test_the_loop_outlives_failures_and_sees_bills_but_not_other_changes(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop, built = threading.Event(), []

    def analyse(*_: object) -> AnalysisResult:
        built.append(loop.finance_digests(loop.read_finance(lake.engine)))
        match len(built):
            case 1:
                threading.Timer(0.1, lake.clock.advance, (FIRST_BACK_OFF,)).start()
                raise AnalysisFailed("the disk is full")
            case 2:
                lake.rename_device(lake.laptop, "Laptop")  # audited, and no finance export has it
                threading.Timer(0.3, bill, (lake.engine, lake.acme, "3.00", "2026-11-18")).start()
            case _:
                stop.set()
        return result(built[-1])

    monkeypatch.setattr(loop, "analyse", analyse)
    monkeypatch.setattr(loop, "POLL_SECONDS", 0.01)
    watch = threading.Timer(30, stop.set)
    watch.start()
    keep_analysed(lake.home, lake.engine, lake.clock, stop)
    watch.cancel()
    assert len(built) == 3
    assert built[1] == built[0]
    assert built[2] != built[1]
    assert "the analysis failed, next try in 10 s: the disk is full" in caplog.text


def connected(lake: Lake, url: str) -> None:
    """Connect a provider that billed yesterday and the days before it; the home's others have no key."""
    with lake.engine.begin() as connection:
        connection.execute(update(bill_connections).values(disabled_at_us=1))
    new = NewConnection(
        kind=ConnectionKind.OPENAI_COSTS, name="OpenAI", credential=ADMIN_KEY,
        settings=ConnectionSettings(start_day=TODAY - timedelta(days=3), base_url=url),
    )  # fmt: skip
    with transaction(lake.engine) as session:
        add_connection(session, CredentialVault(lake.home), lake.acme, new, actor=OPERATOR, at=NOON)


def days_read(lake: Lake) -> int:
    query = select(func.count()).select_from(bill_periods).join(bill_connections)
    with lake.engine.connect() as connection:
        return connection.execute(query.where(bill_connections.c.kind == "openai_costs")).scalar_one()


def test_the_process_reads_bills_and_stops_on_sigterm_and_with_its_parent(lake: Lake) -> None:
    lake.home.current_pointer.unlink()
    before = days_read(lake)
    with served(openai_app(Fake(seeded(TODAY - timedelta(days=3), 3, kinds=KINDS)))) as url:
        connected(lake, url)
        run_and_stop(lake, lambda: days_read(lake) == before + 3)


def run_and_stop(lake: Lake, is_done: Callable[[], bool]) -> None:
    """Run the process by itself and as somebody's child, until it is done; end it and the other one's parent."""
    command = [sys.executable, "-m", "pipelines.analysis", "--home", str(lake.home.root)]
    orphaning = "import subprocess, sys, time; print(subprocess.Popen(sys.argv[1:]).pid, flush=True); time.sleep(99)"
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY)
    parent = subprocess.Popen([sys.executable, "-c", orphaning, *command], stdout=subprocess.PIPE, cwd=REPOSITORY)
    child = 0
    try:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        for pid in (process.pid, child):
            wait(lambda pid=pid: os.getpriority(os.PRIO_PROCESS, pid) == NICENESS)
        wait(is_done)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0
        assert all("3 days new" in line for line in errors.splitlines())  # of the two processes one has read them
        parent.kill()
        parent.wait()
        wait(lambda: not is_running(child))
    finally:
        for one in (process, parent):
            one.kill()
            one.wait()
            for pipe in (one.stdout, one.stderr):
                if pipe is not None:
                    pipe.close()
        if child and is_running(child):
            os.kill(child, signal.SIGKILL)


def wait(holds: object) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 60
    assert callable(holds)
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
