"""Calls on their way to the store: none is lost while memory lasts, and nobody waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from daemon.calls.call import Call
from daemon.service.recorder import Recorder
from daemon.store.errors import StoreUnavailable
from tests.daemon.service.laptop import eventually


class Sink:
    """Keeps calls, unless it is told to fail."""

    def __init__(self) -> None:
        self.kept: list[Call] = []
        self.fails: Callable[[Sequence[Call]], Exception | None] = lambda calls: None
        self.tries = threading.Semaphore(0)

    def add(self, calls: Sequence[Call]) -> int:
        failure = self.fails(calls)
        self.tries.release()
        if failure is not None:
            raise failure
        self.kept += calls
        return len(calls)

    @property
    def ids(self) -> list[str]:
        return [call.id for call in self.kept]


def row(captured: Any) -> Call:
    if captured == "unreadable":
        raise ValueError(captured)
    return Call(id=captured, requested_at_us=1, recorded_at_us=1, provider="p", model="m", surface="s", source="proxy")


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def recorder(sink: Sink) -> Iterator[Recorder]:
    recorder = Recorder(sink, row, most_waiting=50, longest_pause=0.01)
    yield recorder
    recorder.stop(5)


def take(recorder: Recorder, *ids: Any) -> None:
    for one in ids:
        recorder.take(one)


def down(_: Sequence[Call]) -> Exception:
    return StoreUnavailable("the disk is full")


def test_calls_are_kept_in_order_and_counted(recorder: Recorder, sink: Sink) -> None:
    recorder.start()
    ids = [str(number) for number in range(3000)][:40]
    take(recorder, *ids)
    assert eventually(lambda: recorder.counts().recorded == 40)
    assert sink.ids == ids
    assert recorder.counts().waiting == 0


def test_what_waits_is_written_at_the_end(recorder: Recorder, sink: Sink) -> None:
    take(recorder, "a", "b")
    recorder.start()
    assert recorder.stop(5) == 0
    assert sink.ids == ["a", "b"]


def test_calls_wait_in_memory_while_the_store_cannot_be_written(recorder: Recorder, sink: Sink) -> None:
    sink.fails = down
    recorder.start()
    take(recorder, "a", "b")
    for _ in range(3):
        assert sink.tries.acquire(timeout=5)
    assert recorder.counts().failure == "the disk is full"
    assert recorder.counts().waiting == 2
    sink.fails = lambda _: None
    assert eventually(lambda: recorder.counts().recorded == 2)
    assert sink.ids == ["a", "b"]
    assert recorder.counts().failure is None
    assert recorder.counts().lost == 0


def test_the_newest_are_kept_when_memory_is_full(recorder: Recorder, sink: Sink) -> None:
    sink.fails = down
    recorder.start()
    take(recorder, *map(str, range(70)))
    assert eventually(lambda: recorder.counts().lost == 20)
    assert recorder.counts().waiting == 50
    sink.fails = lambda _: None
    assert eventually(lambda: recorder.counts().waiting == 0)
    assert sink.ids[-1] == "69"
    assert len(sink.ids) == 50


def test_a_row_that_no_store_takes_does_not_keep_the_others_out(recorder: Recorder, sink: Sink) -> None:
    sink.fails = lambda calls: TypeError("poison") if any(call.id == "poison" for call in calls) else None
    take(recorder, "a", "poison", "unreadable", "b")
    recorder.start()
    assert recorder.stop(5) == 0
    assert sink.ids == ["a", "b"]
    assert recorder.counts().lost == 2


def test_bodies_are_let_go_of_while_the_store_cannot_be_written(sink: Sink) -> None:
    seen: list[Any] = []
    recorder = Recorder(sink, row, longest_pause=0.01, after=lambda captured, call: seen.append((captured, call.id)))
    sink.fails = down
    recorder.start()
    take(recorder, "a")
    assert sink.tries.acquire(timeout=5)
    assert sink.tries.acquire(timeout=5)
    sink.fails = lambda _: None
    assert eventually(lambda: recorder.counts().recorded == 1)
    take(recorder, "b")
    assert recorder.stop(5) == 0
    assert seen == [(None, "a"), ("b", "b")]


def test_an_end_does_not_wait_for_a_store_that_stays_away(recorder: Recorder, sink: Sink) -> None:
    sink.fails = down
    recorder.start()
    take(recorder, "a")
    assert recorder.stop(0.05) == 1
    sink.fails = lambda _: None
