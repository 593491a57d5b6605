"""Old calls go, and no jump of a clock makes a call old."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.clock import DAY
from daemon.store import retention
from daemon.store.store import Store
from pipelines.lake.clock import FixedClock
from tests.conftest import NOON
from tests.daemon.store.made_calls import made_call, made_calls, receipt

TEN_YEARS = timedelta(days=3_650)


class Machine:
    """A machine whose two clocks pass together, until one is set."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = FixedClock(NOON)
        self.up_seconds = 1_000.0
        self.store = self.opened()

    def opened(self) -> Store:
        return Store(self.path, self.clock, monotonic=lambda: self.up_seconds)

    def restart(self) -> None:
        self.store.close()
        self.up_seconds = 5.0
        self.store = self.opened()

    def live(self, **span: float) -> None:
        by = timedelta(**span)
        self.clock.advance(by)
        self.up_seconds += by.total_seconds()

    def sleep(self, **span: float) -> None:
        self.clock.advance(timedelta(**span))

    def kept(self) -> int:
        return len(self.store.newest(1_000))


@pytest.fixture
def machine(path: Path) -> Iterator[Machine]:
    machine = Machine(path)
    machine.store.add(made_calls(10))
    yield machine
    machine.store.close()


def test_calls_older_than_asked_go_and_never_come_back(store: Store) -> None:
    old, young = made_call(1, age_us=90 * DAY + 1), made_call(2, age_us=90 * DAY)
    store.add([old, young])
    assert store.purge(90, keep_pending=False) == 1
    assert store.get(old.id) is None
    assert store.add([old, young, made_call(3)]) == 1
    assert store.newest(9) == [made_call(3), young]


def test_an_id_that_is_no_uuid_does_not_come_back_either(store: Store) -> None:
    odd = [made_call(1, age_us=99 * DAY, id=text) for text in ("req-1", "", "z" * 32, "\u00fc" * 16)]
    assert store.add(odd) == 4
    assert store.purge(90, keep_pending=False) == 4
    assert store.add(odd) == 0


def test_what_will_never_leave_is_not_kept_for_a_cloud(store: Store) -> None:
    store.add([made_call(1, age_us=100 * DAY, project="Personal"), made_call(2, age_us=100 * DAY, project="acme-api")])
    assert store.purge(90, never_leaving=["personal"]) == 1
    assert [call.project for call in store.newest(9)] == ["acme-api"]


def test_what_no_cloud_has_acknowledged_stays_when_asked_and_what_travels_always(store: Store) -> None:
    store.add([made_call(number, age_us=100 * DAY) for number in range(1, 5)])
    store.open_batch("b1", [made_call(1).id], "00")
    store.close_batch("b1", receipt("b1", 1))
    store.open_batch("b2", [made_call(2).id], "00")
    assert store.purge(90) == 1
    assert store.purge(90, keep_pending=False) == 2
    assert [call.id for call in store.newest(9)] == [made_call(2).id]
    assert [batch.batch_id for batch in store.open_batches()] == ["b2"]


def test_accounts_of_batches_go_when_their_last_call_has_gone(store: Store, clock: FixedClock) -> None:
    store.add([made_call(1), made_call(2)])
    store.open_batch("b1", [made_call(1).id], "00")
    store.close_batch("b1", receipt("b1", 1))
    store.open_batch("b2", [made_call(2).id], "00")
    for _ in range(91):
        clock.advance(timedelta(days=1))
        store.purge(90)
    assert [batch.batch_id for batch in store.batches(9)] == ["b2"]


def test_bodies_go_with_their_calls_and_leave_nothing_on_the_disk(path: Path, store: Store) -> None:
    store.add([made_call(1, age_us=100 * DAY), made_call(2)])
    for number in (1, 2):
        assert store.keep_body(made_call(number).id, "request", "text/plain", f"text-of-{number}", 9, [])
    assert store.purge(90, keep_pending=False) == 1
    assert [heading.call_id for heading in store.list_bodies(9)] == [made_call(2).id]
    assert b"text-of-1" not in b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_many_old_calls_go_in_several_transactions(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK", 7)
    store.add([made_call(number, age_us=100 * DAY) for number in range(30)])
    assert store.purge(90, keep_pending=False) == 30


@pytest.mark.parametrize("days", [0, -1])
def test_nothing_is_kept_for_less_than_a_day(store: Store, days: int) -> None:
    with pytest.raises(ValueError, match="a day"):
        store.purge(days)


def test_a_clock_that_jumps_ten_years_ahead_erases_nothing(machine: Machine) -> None:
    machine.sleep(days=3_650)
    assert machine.store.purge(90, keep_pending=False) == 0
    # Calls recorded meanwhile bear the wrong time, and prove nothing.
    now = int(machine.clock.now().timestamp()) * 1_000_000
    machine.store.add([made_call(99, requested_at_us=now, recorded_at_us=now)])
    machine.live(hours=23)
    assert machine.store.purge(90, keep_pending=False) == 0
    machine.clock.advance(-TEN_YEARS)
    machine.live(hours=20)
    assert machine.store.purge(90, keep_pending=False) == 0
    assert machine.kept() == 11


def test_a_machine_that_was_off_for_months_removes_after_a_day_of_running(machine: Machine) -> None:
    machine.store.close()
    machine.sleep(days=120)
    machine.restart()
    assert machine.store.purge(90, keep_pending=False) == 0
    machine.live(hours=12)
    assert machine.store.purge(90, keep_pending=False) == 0
    machine.live(hours=12)
    assert machine.store.purge(90, keep_pending=False) == 10


def test_a_day_of_running_may_be_made_of_several_with_sleep_between(machine: Machine) -> None:
    machine.sleep(days=120)
    for day in range(4):
        assert machine.store.purge(90, keep_pending=False) == 0, day
        machine.live(hours=7)
        assert machine.store.purge(90, keep_pending=False) == (10 if day == 3 else 0), day
        machine.sleep(hours=17)
        machine.restart()


def test_a_clock_that_jumps_again_is_watched_anew(machine: Machine) -> None:
    machine.sleep(days=3_650)
    for _ in range(10):
        assert machine.store.purge(90, keep_pending=False) == 0
        machine.live(hours=20)
        machine.sleep(days=100)
    assert machine.kept() == 10


def test_a_clock_that_goes_back_keeps_everything(machine: Machine) -> None:
    machine.clock.advance(-TEN_YEARS)
    assert machine.store.purge(1, keep_pending=False) == 0
    machine.clock.advance(TEN_YEARS)
    assert machine.store.purge(1, keep_pending=False) == 0
    assert machine.kept() == 10


def test_a_laptop_that_is_used_daily_removes_daily(machine: Machine) -> None:
    removed = 0
    for _ in range(95):
        machine.live(hours=9)
        machine.sleep(hours=15)
        removed += machine.store.purge(90, keep_pending=False)
    assert removed == 10


JUMPS = st.tuples(st.just("jump"), st.one_of(st.integers(-4_000, -1), st.integers(4, 4_000)))
LIVED = st.tuples(st.just("live"), st.integers(1, 60))
RESTARTED = st.tuples(st.just("restart"), st.just(0))


@settings(max_examples=80)
@given(st.lists(st.one_of(JUMPS, LIVED, RESTARTED), max_size=20))
def test_no_sequence_of_jumps_within_a_day_of_running_removes_anything(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    machine = Machine(tmp_path_factory.mktemp("machine") / "db.sqlite")
    machine.store.add(made_calls(3))
    for what, amount in steps:  # twenty spans of an hour at most
        if what == "jump":
            machine.clock.advance(timedelta(days=amount))
        elif what == "live":
            machine.live(minutes=amount)
        else:
            machine.restart()
        assert machine.store.purge(90, keep_pending=False) == 0
    machine.store.close()
