from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from daemon.attribution.bounded import BoundedLookups, TookTooLongError


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Lets everything go on that hangs in a test."""
    event = threading.Event()
    yield event
    event.set()


def test_an_answer_is_remembered_for_a_moment_only() -> None:
    asked: list[int] = []

    def look() -> int:
        asked.append(1)
        return len(asked)

    kept: BoundedLookups[int] = BoundedLookups(keep=60)
    assert [kept.get("a", look), kept.get("a", look), kept.get("b", look)] == [1, 1, 2]
    forgotten: BoundedLookups[int] = BoundedLookups(keep=0)
    assert [forgotten.get("a", look), forgotten.get("a", look)] == [3, 4]


def test_a_failure_reaches_who_asked() -> None:
    def look() -> int:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        BoundedLookups[int]().get("a", look)


def test_what_hangs_is_asked_once_and_fails_at_once_from_then_on(released: threading.Event) -> None:
    asked: list[int] = []

    def look() -> int:
        asked.append(1)
        released.wait()
        return 7

    lookups: BoundedLookups[int] = BoundedLookups(patience=0.02, keep=0)
    for _ in range(5):
        with pytest.raises(TookTooLongError):
            lookups.get("dead", look)
    assert asked == [1]
    assert lookups.get("alive", lambda: 1) == 1


def test_only_so_many_hang_at_once(released: threading.Event) -> None:
    lookups: BoundedLookups[bool] = BoundedLookups(patience=0.001, hung_max=3)
    before = threading.active_count()
    for key in range(10):
        with pytest.raises(TookTooLongError):
            lookups.get(key, released.wait)
    assert threading.active_count() - before <= 3


def test_an_answer_that_comes_late_is_used_when_it_has_come(released: threading.Event) -> None:
    done = threading.Event()

    def look() -> int:
        released.wait()
        done.set()
        return 7

    lookups: BoundedLookups[int] = BoundedLookups(patience=0.01, keep=0)
    with pytest.raises(TookTooLongError):
        lookups.get("slow", look)
    released.set()
    done.wait()
    patient: BoundedLookups[int] = BoundedLookups(patience=5)
    assert patient.get("slow", look) == 7


def test_memory_is_bounded() -> None:
    lookups: BoundedLookups[int] = BoundedLookups(keep=60)
    for key in range(1200):
        lookups.get(key, lambda: 1)
    assert len(lookups._asked) <= 512
