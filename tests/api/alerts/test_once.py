"""A crossing is told once, whoever sees it however often, and whoever is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from api.alerts.crossings import budget_crossings, fresh_anomalies, worth_telling
from api.alerts.history import Told
from api.alerts.messages import AlertsAnswer, WhoShown
from api.dashboards.measures import Money
from api.db.models import Alert, AlertDelivery, AuditRecord, OutboxMessage
from api.db.session import reading
from pipelines.lake.database import open_database
from tests.api.alerts.conftest import Desk, budget, reached
from tests.conftest import on_sqlite

NOBODY = WhoShown(mail_to="nobody", addresses=0, tells_anomalies=True, has_webhook=False)


def test_of_32_threads_that_see_a_crossing_one_tells_it(desk: Desk) -> None:
    desk.webhook("https://hooks.example/x")
    ready, workspace = Barrier(32), desk.workspace
    seen = [reached(50), reached(80), desk.anomaly()]

    def look(_number: int) -> int:
        ready.wait()
        return desk.tell(*seen)

    with ThreadPoolExecutor(32) as pool:
        raised = list(pool.map(look, range(32)))
    assert sorted(raised) == [0] * 31 + [3]
    assert workspace == desk.workspace or desk.workspace.version > workspace.version
    # Of the two thresholds the higher is told; the owner alone looks after this workspace.
    assert desk.counts() == (3, 2, 2)
    assert desk.tell(*seen) == 0
    assert {(row.percent, row.is_told) for row in desk.rows(Alert)} == {(50, False), (80, True), (None, True)}
    with reading(desk.engine) as session:
        query = select(AuditRecord.actor_id).where(AuditRecord.event == "alert.raised")
        assert list(session.scalars(query)) == ["server"] * 3


@pytest.mark.parametrize("moment", ["row", "mail", "commit"])
@on_sqlite
def test_killed_before_the_commit_it_has_told_nobody_and_the_next_tells_it_once(desk: Desk, moment: str) -> None:
    arguments = [sys.executable, "-m", "tests.api.alerts.killed_keeper", str(desk.home.root), moment]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    desk.engine.dispose()
    desk.engine = open_database(desk.home.database_url)
    assert desk.counts() == (0, 0, 0)
    assert desk.tell(reached(80)) == 1
    assert desk.counts() == (1, 1, 0)
    desk.engine.dispose()


@on_sqlite
def test_the_letter_says_what_was_crossed(desk: Desk) -> None:
    desk.tell(reached(80), reached(100, of=budget((100,), 12_345_678, "acme-api")))
    subjects = sorted(row.subject for row in desk.rows(OutboxMessage))
    assert subjects == [
        "The project acme-api has used 100 % of its budget",
        "The sum of all projects has used 80 % of its budget",
    ]
    bodies = [desk.telling.seal.open(row.sealed_body).text for row in desk.rows(OutboxMessage)]
    assert any("has spent $8.00 of $10.00 in July 2026: 80 %." in one for one in bodies)
    assert any("has spent $123.46 of $123.46 in July 2026" in one for one in bodies)
    assert all("\nhttps://meter.example/acme-co/settings/budgets\n" in one for one in bodies)


@on_sqlite
def test_a_raised_budget_and_the_next_month_are_crossed_anew(desk: Desk) -> None:
    assert desk.tell(reached(80)) == 1
    assert desk.tell(reached(80)) == 0
    assert desk.tell(reached(80, of=budget(monthly=2_000_000))) == 1
    assert desk.tell(reached(80, month=date(2026, 8, 1))) == 1
    assert desk.counts() == (3, 3, 0)


@on_sqlite
def test_a_lower_threshold_found_later_is_written_down_and_wakes_nobody(desk: Desk) -> None:
    desk.tell(reached(80))
    assert desk.tell(reached(50), reached(80)) == 1
    assert desk.counts() == (2, 1, 0)
    assert desk.tell(reached(50), reached(80), reached(100)) == 1
    assert desk.counts() == (3, 2, 0)


@on_sqlite
def test_many_anomalies_are_one_letter_about_the_greatest(desk: Desk) -> None:
    desk.webhook("https://hooks.example/x")
    found = [desk.anomaly(number, spent=1_000_000 * (number + 1)) for number in range(30)]
    assert desk.tell(*fresh_anomalies(found, desk.clock.now())) == 30
    assert desk.counts() == (30, 1, 20)
    (mail,) = desk.rows(OutboxMessage)
    assert mail.subject == "An hour of acme-api cost $300.00"
    assert "19 more such hours were found with it." in desk.telling.seal.open(mail.sealed_body).text


@on_sqlite
def test_a_saving_that_regressed_is_told_once_however_far_it_goes(desk: Desk) -> None:
    desk.webhook("https://hooks.example/x")
    assert desk.tell(desk.regression(), desk.regression(1)) == 2
    assert desk.tell(desk.regression(since=2_000_000), desk.regression(1)) == 0
    assert desk.counts() == (2, 1, 2)
    (mail,) = desk.rows(OutboxMessage)
    assert mail.subject == "acme-api costs more since a recommendation was accepted"
    text = desk.telling.seal.open(mail.sealed_body).text
    assert '"model swap" was accepted for openai gpt-5' in text
    assert "1,000 requests cost $9.00. Before, at the same mix, they cost $4.50." in text
    assert "1 more accepted recommendation costs more since." in text
    told = {one["data"]["decision_id"]: one for one in (json.loads(row.body) for row in desk.rows(AlertDelivery))}
    first = told[desk.regression().decision_id]
    assert (first["type"], first["data"]["after_per_1000_usd"]) == ("saving.regressed", "9.00000")
    assert first["data"]["before_per_1000_usd"] == "4.50000"
    shown = AlertsAnswer.of([Told(row, None) for row in desk.rows(Alert)], NOBODY).alerts
    assert {(one.kind, one.decision_id, one.check_id, one.spent_usd, one.limit_usd) for one in shown} == {
        ("regression", desk.regression(n).decision_id, "model_swap", "9.00000", "4.50000") for n in range(2)
    }


@on_sqlite
def test_what_turns_out_unusual_a_day_later_is_history(desk: Desk) -> None:
    found = [desk.anomaly(1, hours_ago=24), desk.anomaly(2, hours_ago=25)]
    assert fresh_anomalies(found, desk.clock.now()) == found[:1]


@given(
    spent=st.integers(0, 10**12),
    monthly=st.integers(0, 10**9),
    percents=st.lists(st.integers(1, 1_000), max_size=8, unique=True).map(lambda some: tuple(sorted(some))),
)
def test_a_threshold_is_crossed_when_its_part_of_the_budget_is_spent(
    spent: int, monthly: int, percents: tuple[int, ...]
) -> None:
    crossed = budget_crossings(date(2026, 7, 1), [(budget(percents, monthly), Money(metered_millicents=spent))])
    assert [one.percent for one in crossed] == [one for one in percents if spent > 0 and spent * 100 >= monthly * one]
    for one in crossed:
        assert one.limit_millicents * 100 >= monthly * one.percent > (one.limit_millicents - 1) * 100
        assert one.limit_millicents <= spent
    known = {one.key for one in crossed[: len(crossed) // 2]}
    told = worth_telling(crossed, known, anomalies_max=0)
    assert told == ({crossed[-1].key} - known if crossed else set())
