"""A laptop whose clock is wrong, jumps and comes back: rows, retention, back-off and sync stay sane."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from daemon.attribution.caller import NOBODY
from daemon.calls.call import Call
from daemon.capture.providers.meter import CallMeter, Outcome
from daemon.capture.providers.registry import Endpoint
from daemon.clock import DAY, to_micros
from daemon.cloud.state import LinkState
from daemon.cloud.status import link_status
from daemon.cloud.worker import CloudWorker, WorkerSettings
from daemon.cloud.worker import Outcome as TickOutcome
from daemon.prices.book import PriceBook
from daemon.service.rows import RowMaker
from daemon.store.store import Store
from tests.daemon.cloud.laptop import NOW, Laptop, call
from tests.daemon.cloud.ledger_cloud import BATCH, LedgerCloud, answers
from tests.daemon.upstreams_samples import SAMPLES

YEARS = timedelta(days=3_650)
JUMPS = {"ten years ahead": YEARS, "a day back": -timedelta(days=1), "an hour back": -timedelta(hours=1)}
KEEP_DAYS = 90


@pytest.fixture
def ledger() -> Iterator[LedgerCloud]:
    fake = LedgerCloud()
    yield fake
    fake.stop()


@pytest.fixture
def laptop(tmp_path: Path, ledger: LedgerCloud) -> Iterator[Laptop]:
    laptop = Laptop(tmp_path / "meter", ledger.url)
    yield laptop
    laptop.close()


class Exchange:
    """What the proxy hands over of one call."""

    caller, project_header, source, bodies = NOBODY, "acme-api", "gateway", ()

    def __init__(self, metered: Any) -> None:
        self.metered = metered


def captured(laptop: Laptop, during: timedelta) -> Call:
    """A call of three seconds in the middle of which the wall clock is set by `during`."""
    sample = SAMPLES["anthropic stream"]
    endpoint = Endpoint(sample.provider, sample.surface, sample.request_kind)
    meter = CallMeter(endpoint, clock=laptop.clock, monotonic=laptop.clock.monotonic)
    meter.request({}, b"{}")
    laptop.clock.pass_by(1)
    laptop.clock.at += during
    meter.response_started(200, {"content-type": sample.content_type})
    for piece in sample.pieces:
        meter.response_bytes(piece)
    laptop.clock.pass_by(2)
    book = PriceBook.bundled()
    made = RowMaker(lambda: book, clock=laptop.clock, hostname="vk.local")
    return made.call_of(Exchange(meter.finished(outcome=Outcome.COMPLETE)))


@pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS)
def test_a_call_during_which_the_clock_jumps_keeps_its_start_its_length_and_its_price(
    laptop: Laptop, jump: timedelta
) -> None:
    steady, jumped = captured(laptop, timedelta()), captured(laptop, jump)
    assert jumped.requested_at_us == to_micros(NOW + timedelta(seconds=3))
    assert jumped.recorded_at_us == to_micros(NOW + timedelta(seconds=6) + jump)
    assert (jumped.latency_ms, jumped.time_to_first_token_ms) == (3_000.0, 1_000.0)
    assert (jumped.tokens, jumped.cost_millicents) == (steady.tokens, steady.cost_millicents)
    assert steady.cost_millicents
    assert laptop.store.add([steady, jumped]) == 2
    assert laptop.worker().tick().outcome is TickOutcome.DONE


@pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS)
def test_waiting_after_a_failure_neither_ends_nor_grows_with_a_jump(
    laptop: Laptop, ledger: LedgerCloud, jump: timedelta
) -> None:
    laptop.record(3)
    worker = laptop.worker()
    ledger.faults = [answers(503)]
    assert worker.tick().wait_seconds == 10.0
    laptop.clock.at += jump
    assert worker.tick().wait_seconds == 10.0
    laptop.clock.pass_by(9)
    assert worker.tick().outcome is TickOutcome.WAITING
    laptop.clock.pass_by(1)
    assert worker.tick().outcome is TickOutcome.DONE
    assert len(ledger.landed) == 3


@pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS)
def test_the_state_after_a_jump_is_right_again_with_the_next_tick(
    laptop: Laptop, ledger: LedgerCloud, jump: timedelta
) -> None:
    laptop.record(3)
    worker = laptop.worker()
    assert worker.tick().outcome is TickOutcome.DONE
    laptop.clock.at += jump
    for _ in range(5):
        laptop.record(2)
        laptop.clock.pass_by(15)
        assert worker.tick().outcome is TickOutcome.DONE
        status = link_status(laptop.home, laptop.store, laptop.clock)
        assert (status.state, status.unsynced) == (LinkState.ACTIVE, 0)
        assert status.cloud.last_tick_at_us == to_micros(laptop.clock.at)
    laptop.clock.at -= jump
    laptop.clock.pass_by(15)
    assert worker.tick().outcome is TickOutcome.DONE
    assert link_status(laptop.home, laptop.store, laptop.clock).state is LinkState.ACTIVE


def test_a_clock_set_back_while_pages_are_sent_keeps_no_row_back(laptop: Laptop, ledger: LedgerCloud) -> None:
    laptop.record(30)
    late: list[Call] = []

    def set_back(_: Any) -> None:
        if not late:
            laptop.clock.at -= timedelta(days=1)
            at = to_micros(laptop.clock.at)
            late.extend(call(900 + number, requested_at_us=at, recorded_at_us=at + number) for number in range(5))
            laptop.store.add(late)

    seven = WorkerSettings(page_rows=7, monotonic=laptop.clock.monotonic)
    worker = CloudWorker(laptop.home, laptop.store, laptop.clock, settings=seven, sent=set_back)
    assert worker.tick().outcome is TickOutcome.DONE
    assert late
    assert worker.tick().outcome is TickOutcome.DONE
    assert len(ledger.landed) == 35
    assert set(ledger.sightings.values()) == {1}
    assert laptop.store.pending_count() == 0


class JumpingLaptop(RuleBasedStateMachine):
    """A laptop that runs for some hours, however its wall clock is set meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = LedgerCloud()
        self.laptop = Laptop(Path(self.folder.name) / "meter", self.ledger.url)
        self.laptop.close()
        self._open()
        self.recorded: set[str] = set()
        old = [call(number, requested_at_us=to_micros(NOW) - number * 20 * DAY) for number in range(1, 5)]
        self.laptop.store.add(old)
        self.recorded.update(one.id for one in old)
        self.number = 1_000

    @rule(offset=st.sampled_from([timedelta(), YEARS, -timedelta(days=1), -YEARS / 2]))
    def set_the_clock(self, offset: timedelta) -> None:
        self.laptop.clock.at = NOW + offset + timedelta(seconds=self.laptop.clock.seconds)

    @rule(seconds=st.floats(0, 1_200))
    def live(self, seconds: float) -> None:
        self.laptop.clock.pass_by(seconds)

    @rule(count=st.integers(1, 9))
    def record(self, count: int) -> None:
        at = to_micros(self.laptop.clock.at)
        calls = [call(self.number + n, requested_at_us=at, recorded_at_us=at) for n in range(count)]
        self.number += count
        assert self.laptop.store.add(calls) == count
        self.recorded.update(one.id for one in calls)

    @rule(status=st.sampled_from([None, 503]))
    def tick(self, status: int | None) -> None:
        self.ledger.faults = [] if status is None else [answers(status)]
        self.worker.tick()

    @rule()
    def purge(self) -> None:
        assert self.laptop.store.purge(KEEP_DAYS, keep_pending=True) == 0

    @rule()
    def restart(self) -> None:
        self.laptop.store.close()
        self._open()

    @invariant()
    def every_call_is_still_here(self) -> None:
        assert {one.id for one in self.laptop.store.newest(10_000)} == self.recorded

    def teardown(self) -> None:
        try:
            self.ledger.faults = []
            # One go, and another for what was recorded behind its back.
            self.laptop.clock.pass_by(3_600)
            assert self.worker.tick().outcome is TickOutcome.DONE
            assert self.ledger.landed.keys() == self.recorded
            batches: dict[str, set[str]] = {}
            for seen in self.ledger.requests(BATCH):
                for record in seen.body["records"]:
                    batches.setdefault(record["id"], set()).add(seen.body["batch_id"])
            assert all(len(one) == 1 for one in batches.values()), "sent in two batches"
        finally:
            self.laptop.close()
            self.ledger.stop()
            self.folder.cleanup()

    def _open(self) -> None:
        clock = self.laptop.clock
        self.laptop.store = Store(self.laptop.home.database_path, clock, monotonic=clock.monotonic)
        self.worker = self.laptop.worker(page_rows=5)


TestJumpingLaptop = JumpingLaptop.TestCase
TestJumpingLaptop.settings = settings(max_examples=8, stateful_step_count=20, deadline=None)
