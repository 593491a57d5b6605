"""One group's files are written while the group before is recorded: neither stage can harm what is in the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from api.errors import Refused
from api.ingest import group
from api.ingest.group import BusyError
from api.ingest.prepare import Sender
from daemon.wire.batch import Receipt
from pipelines.lake.landing import LandedFile, LandingUnavailableError, LandingWriter
from pipelines.lake.ledger import landed_batches, landed_files
from pipelines.lake.paths import Home
from tests.api.ingest.conftest import Door
from tests.wire_records import batch, record

PATIENCE = 20
DISK_FAULTS = ("database or disk is full", "disk I/O error")


@dataclass
class Recorder:
    """Holds the second stage up before its transaction until it is told to go on."""

    begun: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    held, commit = Recorder(), group.commit_group

    def waiting(*arguments: Any) -> Any:
        held.begun.set()
        assert held.go_on.wait(PATIENCE)
        return commit(*arguments)

    monkeypatch.setattr(group, "commit_group", waiting)
    return held


def queue(door: Door, sender: Sender, name: str) -> Future[Receipt]:
    return door.committer.submit(door.judge(sender, batch([record(name)], name)))


def until(condition: Callable[[], bool]) -> bool:
    """Wait for a condition; tell whether it came true."""
    tick = threading.Event()
    for _ in range(PATIENCE * 100):
        if condition():
            return True
        tick.wait(0.01)
    return False


def files(home: Home) -> int:
    return len(list(home.landing.glob("*/*/*_*.parquet")))


def recorded(engine: Engine) -> list[str]:
    """Names of the acknowledged batches, in the order of the chain."""
    with engine.connect() as connection:
        query = select(landed_batches.c.batch_id).order_by(landed_batches.c.chain_position)
        return list(connection.execute(query).scalars())


def test_the_next_group_is_durable_while_one_is_recorded_and_no_other_is_begun(
    door: Door, senders: list[Sender], home: Home, engine: Engine, recorder: Recorder
):
    first = queue(door, senders[0], "first")
    assert recorder.begun.wait(PATIENCE)
    second = queue(door, senders[0], "second")
    assert until(lambda: files(home) == 2), "the second group waits for the first"
    third = queue(door, senders[0], "third")
    assert not wait([first, second, third], timeout=0.2).done, "acknowledged before it was recorded"
    assert files(home) == 2, "more than one group lies between the stages"
    assert recorded(engine) == []
    recorder.go_on.set()
    assert [one.result(PATIENCE).accepted for one in (first, second, third)] == [1, 1, 1]
    assert recorded(engine) == ["first", "second", "third"]


def test_acknowledgements_come_in_the_order_of_the_ledger(door: Door, senders: list[Sender], engine: Engine):
    answered: list[str] = []

    def send(number: int) -> Future[Receipt]:
        answer = queue(door, senders[number % 2], f"batch-{number}")
        answer.add_done_callback(lambda done: answered.append(done.result().batch_id))
        return answer

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(send, range(60)))
    assert len(wait(answers, timeout=PATIENCE).done) == 60
    assert answered == recorded(engine)
    with engine.connect() as connection:
        sequence = connection.execute(
            select(landed_batches.c.file_seq).order_by(landed_batches.c.chain_position)
        ).scalars()
        assert (found := list(sequence)) == sorted(found), "files are recorded in another order than their batches"


@pytest.mark.parametrize("fault", ["No space left on device", "Input/output error"])
def test_a_group_that_cannot_be_written_leaves_its_neighbours_alone(
    door: Door,
    senders: list[Sender],
    engine: Engine,
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
):
    before = queue(door, senders[0], "before")
    assert recorder.begun.wait(PATIENCE)

    def refuse(*_: object) -> LandedFile:
        raise LandingUnavailableError(fault)

    with monkeypatch.context() as patch:
        patch.setattr(LandingWriter, "write", refuse)
        broken = queue(door, senders[0], "broken")
        with pytest.raises(LandingUnavailableError, match=fault):
            broken.result(PATIENCE)
    after = queue(door, senders[0], "after")
    assert not before.done(), "another group's fault answered it"
    recorder.go_on.set()
    assert (before.result(PATIENCE).accepted, after.result(PATIENCE).accepted) == (1, 1)
    assert recorded(engine) == ["before", "after"]


@pytest.mark.parametrize("fault", DISK_FAULTS)
def test_a_group_that_cannot_be_recorded_leaves_the_one_written_meanwhile_alone(
    door: Door,
    senders: list[Sender],
    home: Home,
    engine: Engine,
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
):
    commit, failing = engine.dialect.do_commit, [True]

    def refuse(connection: Any) -> None:
        if failing and failing.pop():
            dbapi: Any = engine.dialect.dbapi
            raise dbapi.OperationalError(fault)
        commit(connection)

    broken = queue(door, senders[0], "broken")
    assert recorder.begun.wait(PATIENCE)
    after = queue(door, senders[0], "after")
    assert until(lambda: files(home) == 2)
    with monkeypatch.context() as patch:
        patch.setattr(engine.dialect, "do_commit", refuse)
        recorder.go_on.set()
        with pytest.raises(OperationalError, match=fault):
            broken.result(PATIENCE)
        assert after.result(PATIENCE).accepted == 1
    assert recorded(engine) == ["after"]
    with engine.connect() as connection:
        assert list(connection.execute(select(landed_files.c.file_seq)).scalars()) == [1]
    assert door.send(senders[0], batch([record("broken")], "again")).accepted == 1


def test_stopping_finishes_what_is_judged_written_and_recorded(
    door: Door, senders: list[Sender], home: Home, engine: Engine, recorder: Recorder
):
    answers = [queue(door, senders[0], "recording")]
    assert recorder.begun.wait(PATIENCE)
    answers.append(queue(door, senders[0], "written"))
    assert until(lambda: files(home) == 2)
    answers.append(queue(door, senders[0], "queued"))
    judging, judge = threading.Event(), threading.Event()

    def slowly() -> Any:
        judging.set()
        assert judge.wait(PATIENCE)
        return door.judge(senders[0], batch([record("judged")], "judged"))

    answers.append(door.committer.judge_and_submit(slowly))
    assert judging.wait(PATIENCE)
    stopping = threading.Thread(target=door.committer.close)
    stopping.start()
    stopping.join(0.2)
    assert stopping.is_alive(), "it stopped with uploads on their way"
    judge.set()
    recorder.go_on.set()
    stopping.join(PATIENCE)
    assert not stopping.is_alive()
    assert [one.result(0).accepted for one in answers] == [1, 1, 1, 1]
    assert recorded(engine) == ["recording", "written", "queued", "judged"]
    assert not list(home.landing_workers.glob("*.lock")), "the writer's lock was not given up"


def test_a_server_that_stops_takes_nothing_more(open_door: Callable[[], Door], senders: list[Sender], engine: Engine):
    door = open_door()
    late = door.judge(senders[0], batch([record(1)]))
    door.committer.close()
    for submit in (lambda: door.committer.submit(late), lambda: door.committer.judge_and_submit(lambda: late)):
        with pytest.raises(BusyError):
            submit()
    assert recorded(engine) == []


def test_a_caller_that_gives_up_neither_takes_its_rows_back_nor_stops_the_others(
    door: Door, senders: list[Sender], engine: Engine, recorder: Recorder
):
    gone = queue(door, senders[0], "gone")
    assert recorder.begun.wait(PATIENCE)
    assert not gone.cancel()
    recorder.go_on.set()
    assert door.send(senders[0], batch([record("next")], "next")).accepted == 1
    assert recorded(engine) == ["gone", "next"]


def test_what_judging_raises_reaches_its_sender_alone(door: Door, senders: list[Sender], engine: Engine):
    bodies = [batch([record(1)], "good"), b"[]", batch([record(2)], "good as well")]
    answers = [
        door.committer.judge_and_submit(lambda body=body: door.judge(senders[0], body))  # type: ignore[misc]
        for body in bodies
    ]
    with pytest.raises(Refused):
        answers[1].result(PATIENCE)
    assert [answers[one].result(PATIENCE).accepted for one in (0, 2)] == [1, 1]
    assert sorted(recorded(engine)) == ["good", "good as well"]
