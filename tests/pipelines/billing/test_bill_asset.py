"""Bills in Dagster: a partition a day, with a look back, and failures that show."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from pipelines.assets.bills import DAYS, provider_bills
from pipelines.assets.graph import QUIET
from pipelines.assets.keys import PROVIDER_BILLS
from pipelines.lake.bills import ConnectionKind
from pipelines.run_history import run_history
from tests.conftest import on_sqlite
from tests.pipelines.billing.conftest import FIRST, LAST, Bills


def materialise(bills: Bills, day: str) -> dg.ExecuteInProcessResult:
    instance = run_history(bills.home)
    try:
        return dg.materialize(
            [provider_bills(bills.home, bills.clock)],
            partition_key=day,
            instance=instance,
            run_config=QUIET,
            raise_on_error=False,
        )
    finally:
        instance.dispose()


@on_sqlite
def test_a_partition_reads_its_day_and_those_before_it(bills: Bills) -> None:
    bills.serve(ConnectionKind.ANTHROPIC_ANALYTICS)
    done = materialise(bills, (LAST - timedelta(days=5)).isoformat())
    (told,) = done.asset_materializations_for_node("bills__provider_bills")
    assert told.asset_key == PROVIDER_BILLS
    assert {name: value.value for name, value in told.metadata.items()} == {
        "connections": 1, "failed": 0, "new": 7, "restated": 0, "unchanged": 0,
    }  # fmt: skip
    assert [one.last_day for one in bills.periods()][-1] == (LAST - timedelta(days=5)).isoformat()
    assert materialise(bills, LAST.isoformat()).success
    assert len(bills.periods()) == (LAST - FIRST).days + 1


@on_sqlite
def test_a_run_fails_after_all_were_read_when_one_could_not_be(bills: Bills) -> None:
    broken, _ = bills.serve(ConnectionKind.ANTHROPIC_ANALYTICS)
    bills.serve(ConnectionKind.OPENAI_COSTS)
    broken.knobs.refuse = 401
    done = materialise(bills, LAST.isoformat())
    assert not done.success
    (failure,) = [event for event in done.all_events if event.is_step_failure]
    assert "anthropic_analytics: Anthropic answered 401" in str(failure.event_specific_data)
    assert len(bills.periods()) == (LAST - FIRST).days + 1


def test_days_are_utc_days() -> None:
    assert str(DAYS.timezone) == "UTC"
