from __future__ import annotations

from datetime import timedelta

import pytest

from pipelines.lake.clock import to_micros
from pipelines.refresh import RefreshFailed, refresh
from pipelines.run_history import run_history
from tests.pipelines.lake_builder import NOON, Lake, call, calls, named_id
from tests.pipelines.published import ask, build_id, everything, shown


def test_another_workspace_sees_none_of_the_new_rows(lake: Lake) -> None:
    beta = named_id("workspace beta")
    lake.land(beta, named_id(f"device {beta} laptop"), calls(5, "first"))  # ids that acme has landed too
    assert refresh(lake.home, lake.engine, lake.clock).rows_new == 5
    counts = dict(ask(lake.home, "select workspace_id::varchar, count(*) from fct_requests group by all"))
    assert counts == {lake.acme: 120, beta: 5}


def test_new_rows_are_published_and_counted(lake: Lake) -> None:
    before = build_id(lake.home)
    lake.land(lake.acme, lake.laptop, calls(30, "second"))
    result = refresh(lake.home, lake.engine, lake.clock)
    assert (result.rows_new, result.rows_total) == (30, 150)
    assert result.build_id == build_id(lake.home) > before
    assert ask(lake.home, "select rows_total, max_file_seq from build_info") == [(150, 2)]
    assert ask(lake.home, "select count(*) from fct_requests") == [(150,)]
    assert ask(lake.home, "select sum(row_count) from segments") == [(150,)]


def test_nothing_new_names_the_current_build_without_building(lake: Lake) -> None:
    runs = run_history(lake.home).get_runs_count()
    result = refresh(lake.home, lake.engine, lake.clock)
    assert (result.rows_new, result.rows_total) == (0, 120)
    assert result.build_id == build_id(lake.home)
    assert run_history(lake.home).get_runs_count() == runs


def test_repeats_conflicts_and_late_rows_are_settled(lake: Lake) -> None:
    again = call("first1", project="borealis", provider="openai", model="gpt-4.1-mini", input_tokens=1001)
    again |= {"cost_logged_millicents": 101, "requested_at": NOON - timedelta(minutes=37)}
    conflict = call("first2", input_tokens=77)
    late = call("late", requested_at=NOON - timedelta(days=200), cost_logged_millicents=5)
    lake.land(lake.acme, lake.laptop, [again, conflict, late], received_at=NOON + timedelta(minutes=1))
    result = refresh(lake.home, lake.engine, lake.clock)
    assert (result.rows_new, result.rows_total) == (1, 121)
    account = "select received_count, landed_count, duplicate_count, quarantined_count from fct_batches"
    assert ask(lake.home, f"{account} where file_seq = 2") == [(3, 1, 1, 1)]
    assert ask(lake.home, "select request_id::varchar from fct_request_conflicts") == [(named_id("request first2"),)]
    late_day = (NOON - timedelta(days=200)).date()
    assert ask(lake.home, "select requests from mart_spend_daily where local_day = ?", late_day) == [(1,)]
    assert ask(lake.home, "select data_as_of from build_info") == [((NOON + timedelta(minutes=1)).replace(tzinfo=None),)]


def test_rows_of_an_archived_project_are_withheld_and_come_back(lake: Lake) -> None:
    total = shown(lake.home)
    lake.project(lake.acme, "atlas", archived_at_us=to_micros(NOON))
    lake.land(lake.acme, lake.laptop, [call("kept back", cost_logged_millicents=9)], received_at=NOON + timedelta(hours=1))
    refresh(lake.home, lake.engine, lake.clock)
    assert shown(lake.home) == total
    withheld = "select withheld_reason from fct_requests where request_id = ?"
    assert ask(lake.home, withheld, named_id("request kept back")) == [("project_archived",)]

    lake.project(lake.acme, "atlas", archived_at_us=None)
    assert refresh(lake.home, lake.engine, lake.clock).rows_new == 0
    assert shown(lake.home) == (total[0] + 1, total[1] + 9)
    assert ask(lake.home, withheld, named_id("request kept back")) == [(None,)]


def test_a_project_over_the_ceiling_is_withheld_whole(lake: Lake) -> None:
    lake.project(lake.acme, "borealis", over_ceiling=True)
    refresh(lake.home, lake.engine, lake.clock)
    reasons = ask(lake.home, "select project, withheld_reason, count(*) from fct_requests group by all order by all")
    assert reasons == [
        ("(not shared)", None, 40), ("atlas", None, 40), ("borealis", "plan_project_ceiling", 40),
    ]  # fmt: skip


def test_a_renamed_device_alone_makes_a_new_build(lake: Lake) -> None:
    before = build_id(lake.home)
    lake.rename_device(lake.laptop, "Victor's laptop")
    result = refresh(lake.home, lake.engine, lake.clock)
    assert result.build_id > before
    assert result.rows_new == 0
    names = ask(lake.home, "select display_name from dim_devices where workspace_id = ?", lake.acme)
    assert names == [("Victor's laptop",)]


def test_incremental_builds_equal_a_full_one(lake: Lake) -> None:
    for number in range(3):
        lake.land(lake.acme, lake.laptop, [*calls(9, f"part{number}"), call("first5", input_tokens=number)])
        refresh(lake.home, lake.engine, lake.clock)
        lake.project(lake.acme, "atlas", over_ceiling=number % 2 == 0)
    lake.land(lake.acme, named_id(f"device {lake.acme} laptop"), calls(20, "first"))
    refresh(lake.home, lake.engine, lake.clock)
    incremental = everything(lake.home)
    result = refresh(lake.home, lake.engine, lake.clock, full=True)
    assert result.rows_new == result.rows_total == 147
    assert everything(lake.home) == incremental


def test_a_damaged_landing_file_is_named_and_nothing_moves(lake: Lake) -> None:
    before = build_id(lake.home)
    path = lake.home.landing / lake.landed_path(lake.land(lake.acme, lake.laptop, calls(10, "torn")))
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    with pytest.raises(RefreshFailed, match=path.name):
        refresh(lake.home, lake.engine, lake.clock)
    assert build_id(lake.home) == before
    path.write_bytes(whole)
    assert refresh(lake.home, lake.engine, lake.clock).rows_new == 10


def test_a_full_build_checks_every_landing_file(lake: Lake) -> None:
    path = lake.home.landing / lake.landed_path(1)
    path.write_bytes(path.read_bytes()[:-1])
    assert refresh(lake.home, lake.engine, lake.clock).rows_new == 0  # it was built before
    with pytest.raises(RefreshFailed, match=path.name):
        refresh(lake.home, lake.engine, lake.clock, full=True)
    assert ask(lake.home, "select count(*) from fct_requests") == [(120,)]


def test_runs_are_recorded_with_their_reason(lake: Lake) -> None:
    (lake.home.landing / lake.landed_path(lake.land(lake.acme, lake.laptop, calls(1, "gone")))).unlink()
    with pytest.raises(RefreshFailed, match="cannot be read"):
        refresh(lake.home, lake.engine, lake.clock)
    newest = run_history(lake.home).get_runs(limit=1)[0]
    assert newest.status.value == "FAILURE"
