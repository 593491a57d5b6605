"""Who does not trust the authority is remembered: by process and host, for a while, and not without end."""

from __future__ import annotations

from daemon.capture.proxy.distrust import Distrust


class Watch:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_refusal_counts_for_ten_minutes_for_that_process_and_host() -> None:
    watch = Watch()
    distrust = Distrust(watch)
    assert not distrust.remembers_any
    distrust.refused(1, "a")
    assert distrust.remembers_any
    assert distrust.holds(1, "a")
    assert not distrust.holds(2, "a")
    assert not distrust.holds(1, "b")
    watch.now = 601
    assert not distrust.holds(1, "a")
    assert not distrust.remembers_any


def test_going_away_without_a_word_counts_the_second_time_in_a_row() -> None:
    distrust = Distrust(Watch())
    distrust.silent(1, "a")
    assert not distrust.holds(1, "a")
    distrust.trusted(1, "a")
    distrust.silent(1, "a")
    assert not distrust.holds(1, "a")
    distrust.silent(1, "a")
    assert distrust.holds(1, "a")


def test_a_request_proves_trust() -> None:
    distrust = Distrust(Watch())
    distrust.refused(None, "a")
    distrust.trusted(None, "a")
    assert not distrust.holds(None, "a")


def test_no_more_are_remembered_than_there_is_room_for() -> None:
    distrust = Distrust(Watch())
    for pid in range(1000):
        distrust.silent(pid, "a")
        distrust.refused(pid, "a")
    assert sum(distrust.holds(pid, "a") for pid in range(1000)) == 256
    assert distrust.holds(999, "a")
