"""A month closed on a real analysis by the commands, what came in late, and the month opened and closed again."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from click.testing import CliRunner

from api.audit import OPERATOR
from api.bills.statements import state_bill
from api.cli.main import cli
from api.closes.figures import read_figures
from api.db.session import transaction
from api.errors import Refused
from pipelines.analysis.run import analyse
from pipelines.billing.bills import BilledLine, BilledPeriod
from pipelines.refresh import refresh
from tests.pipelines.analysis.asking import ask
from tests.pipelines.analysis.golden import GOLDEN, LAPTOP, made
from tests.pipelines.lake_builder import Lake

OCTOBER = date(2026, 10, 1)
MINI = "gpt-4.1-mini"
Told = Callable[..., Any]


@pytest.fixture
def told(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Runs a command of `halton-cloud`; returns what it printed."""
    for module in ("api.cli.month", "api.cli.database", "api.cli.repricing"):
        monkeypatch.setattr(f"{module}.SystemClock", lambda: lake.clock)

    def run(*words: str, status: int = 0) -> Any:
        where = ["--workspace", "golden", "--home", str(lake.home.root)]
        done = CliRunner().invoke(cli, [*words, *where])
        assert done.exit_code == status, (done.output, done.exception)
        return json.loads(done.stdout) if done.stdout else done.exception

    return run


@pytest.fixture
def month(told: Told) -> Told:
    """Runs `halton-cloud month`."""
    return partial(told, "month")


@pytest.fixture
def rate(told: Told) -> Told:
    """Runs `halton-cloud rate`."""
    return partial(told, "rate")


def state(lake: Lake, dollars: str, day: date) -> None:
    """State a day's total of openai, as a person does."""
    period = BilledPeriod(first_day=day, last_day=day, lines=(BilledLine(amount=Decimal(dollars)),))
    with transaction(lake.engine) as session:
        state_bill(session, GOLDEN, "openai", period, actor=OPERATOR, at=lake.clock.now())


def billed(lake: Lake) -> int:
    sql = (
        "select billed_picousd from mart_reconciliation_monthly"
        " where workspace_id = ? and utc_month = ? and provider = 'all'"
    )
    ((picousd,),) = ask(lake.home, sql, GOLDEN, OCTOBER)
    return int(picousd)


def test_a_month_is_closed_restated_opened_and_closed_again(lake: Lake, month: Told, rate: Told) -> None:
    opening = rate("reprice", "--month", "2026-10")
    first = month("close", "2026-10")["close"]
    assert (first["number"], first["faults"], first["reopened_at"]) == (1, [], None)
    said = billed(lake)
    assert {one["provider"]: one["billed_usd"] for one in first["totals"]}["all"] == f"{said / 10**12:.12f}"
    assert month("close", "2026-10", status=1).code == "month_closed"
    # September's close in this home was never signed: it shows, and October's does not.
    assert {fault["month"] for fault in month("verify", status=1)["faults"]} == {"2026-09"}

    lake.clock.advance(timedelta(hours=1))
    state(lake, "2.5", date(2026, 10, 12))
    late = [made("late", "10-13 10:00", (5_000_000, 0), 200_000, model=MINI)]
    lake.land(GOLDEN, LAPTOP, late)
    with pytest.raises(Refused, match="Bills of the month have changed"):
        read_figures(lake.home, lake.engine, GOLDEN, OCTOBER)
    refresh(lake.home, lake.engine, lake.clock)
    assert analyse(lake.home, lake.engine, lake.clock) is not None
    assert billed(lake) == said + 2_500_000_000_000
    restated = (
        "select provider, measure, cause, change_picousd, requests from mart_restatements"
        " where workspace_id = ? and utc_month = ? order by measure"
    )
    repriced = rate("reprice", "--month", "2026-10")
    assert (opening["recorded"], repriced["recorded"]) == (True, True)
    assert (repriced["run"]["said_usd"], repriced["run"]["change_usd"]) == (
        opening["run"]["now_usd"], "2.000000000000",
    )  # fmt: skip
    assert [
        (one["provider"], one["cause"], one["requests"], one["change_usd"])
        for one in repriced["run"]["entries"]
        if one["cause"] != "unchanged"
    ] == [("openai", "late_requests", 1, "2.000000000000")]
    assert rate("reprice", "--month", "2026-10") == {**repriced, "recorded": False}
    assert rate("runs")["runs"] == [repriced["run"], opening["run"]]
    assert ask(lake.home, restated, GOLDEN, OCTOBER) == [
        ("openai", "billed", "bill_restated", 2_500_000_000_000, None),
        ("openai", "logged", "late_requests", 2_000_000_000_000, 1),
        ("openai", "priced", "late_requests", 2_000_000_000_000, 1),
    ]
    assert {fault["month"] for fault in month("verify", status=1)["faults"]} == {"2026-09"}  # what was said is kept

    opened = month("reopen", "2026-10", "--reason", "OpenAI's invoice of the 12th came late")["close"]
    assert (opened["number"], opened["digest"], opened["reopened_by"]) == (1, first["digest"], "operator")
    second = month("close", "2026-10")["close"]
    assert (second["number"], second["faults"]) == (2, [])
    assert second["digest"] != first["digest"]
    assert [(one["month"], one["number"]) for one in month("list")["closes"]][:2] == [("2026-10", 2), ("2026-10", 1)]
