"""The benchmarks of capture and of the outbox work at a tiny size; how fast anything is does not matter here."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.benchmarks import capture, outbox
from tests.benchmarks.capture_answers import Answer
from tests.benchmarks.capture_stage import BARE, DIRECT, GATEWAY, PROXY, staged
from tests.benchmarks.context import Context
from tests.benchmarks.measure import Comparison
from tests.daemon.capture_environment import VARIABLE, capture_python

__all__ = ["capture_python"]


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(folder=tmp_path, rows=1, runs=1)


def assert_sound(results: list[Comparison]) -> None:
    for row in results:
        assert math.isfinite(row.ours), row
        assert row.ours > 0, row
        assert all(math.isfinite(value) and value > 0 for value in row.others.values()), row
        assert (row.met is None) == (row.target == ""), row


def test_calls_are_timed_beside_mitmproxy_alone_and_all_are_on_record(
    context: Context, capture_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(capture_python))
    sizes = capture.Sizes(1)
    with staged(context.subfolder("stage"), keeping=True) as stage:
        messages = capture._messages(context, stage, PROXY, sizes)
        streams = capture._streams(context, stage, GATEWAY, sizes)
        parallel = capture._parallel(context, stage, GATEWAY, sizes)
        memory = capture._memory(context, stage, sizes)
    assert_sound([*messages, *streams, *parallel, memory])
    for row in (*streams, *parallel):
        assert {DIRECT, BARE} <= row.others.keys(), row
    kept = [row for row in (*messages, *streams) if "bodies kept" in row.work]
    assert kept
    assert all("no bodies" in row.others for row in kept)


def test_a_queue_is_sent_by_all_sides_and_lands_once(context: Context) -> None:
    results = outbox.run(Context(folder=context.folder, rows=1_100, runs=1))
    assert_sound(results)
    assert [set(row.others) for row in results] == [{outbox.PLAIN, outbox.PLAIN_GZIP}]


def test_an_answer_says_when_each_part_of_it_came() -> None:
    answer = Answer()
    parts = (b"HTTP/1.1 200 OK\r\nTransfer-Enc", b"oding: chunked\r\n\r\n3\r\nabc\r\n2\r", b"\nde\r\n0\r\n", b"\r\n")
    assert [answer.feed(part, float(at)) for at, part in enumerate(parts, 1)] == [False, False, False, True]
    assert (bytes(answer.body), answer.began) == (b"abcde", 1.0)
    assert [answer.arrival(end) for end in (1, 3, 4, 5)] == [2.0, 2.0, 3.0, 3.0]


def test_an_answer_that_is_no_success_is_not_timed() -> None:
    with pytest.raises(ValueError, match="answered"):
        Answer().feed(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", 1.0)
