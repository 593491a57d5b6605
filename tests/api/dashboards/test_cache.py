"""Answers computed once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.dashboards.cache import AnswerCache


def test_many_callers_of_one_key_wait_for_one_computation():
    cache = AnswerCache()
    release, calls = threading.Event(), []

    def produce() -> bytes:
        calls.append(1)
        assert release.wait(5)
        return b"answer"

    with ThreadPoolExecutor(16) as pool:
        waiting = [pool.submit(cache.get, "key", produce) for _ in range(16)]
        release.set()
        answers = {future.result(5) for future in waiting}
    assert len(calls) == 1
    assert len(answers) == 1


def test_a_failure_reaches_its_waiters_and_is_not_kept():
    cache = AnswerCache()

    def fail() -> bytes:
        raise LookupError("gone")

    for _ in range(2):
        with pytest.raises(LookupError):
            cache.get("key", fail)
    assert cache.get("key", lambda: b"fine").content == b"fine"


def test_equal_bytes_have_equal_tags():
    cache = AnswerCache()
    assert cache.get(1, lambda: b"x").etag == cache.get(2, lambda: b"x").etag != cache.get(3, lambda: b"y").etag


def test_the_least_recently_used_answers_make_room():
    cache = AnswerCache(max_bytes=100)
    for number in range(50):
        cache.get(number, lambda: b"x" * 10)
        cache.get(0, lambda: b"never made again")
        assert cache.held_bytes <= 100
    assert cache.get(0, lambda: b"z" * 10).content == b"x" * 10
    assert cache.get(1, lambda: b"made again").content == b"made again"


def test_an_answer_too_large_is_given_and_not_kept():
    cache = AnswerCache(max_bytes=100)
    assert len(cache.get("large", lambda: b"x" * 1000).content) == 1000
    assert cache.held_bytes == 0


def test_different_keys_do_not_wait_for_each_other():
    cache = AnswerCache()
    release = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(cache.get, "slow", lambda: b"slow" if release.wait(5) else b"")
        assert cache.get("fast", lambda: b"fast").content == b"fast"
        release.set()
        assert slow.result(5).content == b"slow"
