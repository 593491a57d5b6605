"""A laptop whose disk is full: calls go through, nothing acknowledged is lost, and it mends by itself."""

from __future__ import annotations

import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemon.clock import SystemClock
from daemon.cloud.link import remember
from daemon.credentials import MeterHome
from daemon.store.store import Store
from tests.daemon.cloud.laptop import credentials
from tests.daemon.cloud.ledger_cloud import BATCH, LedgerCloud
from tests.daemon.conftest import Answer, Seen
from tests.daemon.faults.campaign import Feeder
from tests.daemon.faults.gateway import CapturingLaptop, asks
from tests.daemon.faults.senders import worker_alone
from tests.daemon.service.laptop import eventually
from tests.daemon.upstreams_anthropic import ANTHROPIC_TOKENS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are set on Linux only")

CALLS = 20
FULL_TIMES = 15


def set_full(pid: int, *, full: bool) -> None:
    """Let a process write into no file any more, or again."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0 if full else hard, hard))


@contextmanager
def disk_full(pid: int) -> Iterator[None]:
    """Let a process write into no file for as long as the block lasts."""
    set_full(pid, full=True)
    try:
        yield
    finally:
        set_full(pid, full=False)


def test_calls_go_through_while_the_disk_is_full_and_are_on_record_once_there_is_room(
    capturing: CapturingLaptop,
) -> None:
    assert asks(capturing).status == 200
    [before] = capturing.new_calls(1)
    daemon = capturing.running().pid
    assert daemon is not None
    with disk_full(daemon):
        assert [asks(capturing).status for _ in range(CALLS)] == [200] * CALLS
        recording = eventually(lambda: told if (told := capturing.recording())["waiting"] == CALLS else None)
        assert recording["failure"]
        assert (recording["lost"], recording["recorded"]) == (0, 1)
        assert capturing.asks("/health")[1]["status"] == "degraded"
        with Store(capturing.home.database_path, SystemClock()) as store:
            assert store.newest(9) == [before]
            assert store.faults() == []
    calls = capturing.new_calls(1 + CALLS)
    assert len({call.id for call in calls}) == 1 + CALLS
    assert {call.tokens for call in calls} == {ANTHROPIC_TOKENS}
    assert before in calls
    recording = eventually(lambda: told if (told := capturing.recording())["failure"] is None else None)
    assert (recording["lost"], recording["waiting"], recording["recorded"]) == (0, 0, 1 + CALLS)
    assert capturing.running().pid == daemon, "it had to be started again"


def test_a_disk_that_fills_up_again_and_again_during_a_sync_loses_and_doubles_nothing(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(request.config.getoption("--seed"))
    meter, cloud = MeterHome(tmp_path / "meter"), LedgerCloud()
    try:
        with Store(meter.database_path, SystemClock()) as store, worker_alone(meter, chance) as sender:
            remember(meter, store, credentials(cloud.url), hostname="vk.local")
            feeder = Feeder(store)
            feeder.start()
            sender.start()
            try:
                for number in range(FULL_TIMES):
                    if number % 2:
                        fills_up_at_any_moment(cloud, sender.pid, chance)
                    else:
                        fills_up_between_answer_and_mark(cloud, sender.pid)
            finally:
                feeder.stop()
            eventually(lambda: not store.pending_count() and not store.open_batches())
            assert store.faults() == []
            sightings = Counter(seen.body["batch_id"] for seen in cloud.requests(BATCH))
            sys.stdout.write(f"{sightings.total()} sendings of {len(sightings)} batches, {len(feeder.ids)} rows\n")
            assert sightings.total() > len(sightings) + FULL_TIMES / 2
            sent_by = {id_: seen.body["batch_id"] for seen in cloud.requests(BATCH) for id_ in ids_of(seen.body)}
            bodies: dict[str, list[str]] = {}
            for seen in cloud.requests(BATCH):
                assert {sent_by[one] for one in ids_of(seen.body)} == {seen.body["batch_id"]}, "sent in two batches"
                assert bodies.setdefault(seen.body["batch_id"], ids_of(seen.body)) == ids_of(seen.body)
            assert set(cloud.landed) == feeder.ids
    finally:
        cloud.stop()


def fills_up_at_any_moment(cloud: LedgerCloud, pid: int, chance: random.Random) -> None:
    """Fill the disk some milliseconds after a batch came, for some milliseconds."""
    taken = len(cloud.seen)
    eventually(lambda: len(cloud.seen) > taken)
    # The moment is the test's to choose: there is no event to wait for.
    time.sleep(chance.uniform(0, 0.01))
    with disk_full(pid):
        time.sleep(chance.uniform(0, 0.03))


def fills_up_between_answer_and_mark(cloud: LedgerCloud, pid: int) -> None:
    """Fill the disk when the cloud has a batch and the laptop does not know yet; until it was sent once more."""
    landed: list[str] = []

    def lands_and_fills(cloud: LedgerCloud, seen: Seen) -> Answer:
        answer = cloud.receive(seen)
        set_full(pid, full=True)
        landed.append(seen.body["batch_id"])
        return answer

    cloud.faults.append(lands_and_fills)
    eventually(lambda: landed and [seen.body["batch_id"] for seen in cloud.requests(BATCH)].count(landed[0]) > 1)
    set_full(pid, full=False)


def ids_of(body: dict[str, list[dict[str, str]]]) -> list[str]:
    """Ids of a batch's records."""
    return [record["id"] for record in body["records"]]
