"""Providers that hang, reset, talk nonsense or never stop: programs get what they would get, memory stays bounded."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon.calls.tokens import Tokens
from tests.daemon.faults.gateway import CapturingLaptop, asks, digest
from tests.daemon.upstreams import Reply, Upstream
from tests.daemon.upstreams_anthropic import ANTHROPIC_REQUEST, ANTHROPIC_TOKENS, anthropic_events, anthropic_message
from tests.daemon.upstreams_shapes import compact

MIB = 1 << 20
HUGE = 100 * MIB
GROWTH_ALLOWED_KIB = 60 * 1024
REQUEST_GROWTH_ALLOWED_KIB = 90 * 1024
"""Of a request the first 32 MiB are kept until the call ends, since its model may stand anywhere in it."""
STREAM = ANTHROPIC_REQUEST | {"stream": True}
EVENTS = anthropic_events()
MESSAGE = compact(anthropic_message())
PIECE = b"x" * (1 << 16)


def huge_message() -> Iterator[bytes]:
    """A Messages answer whose text is 100 MiB long, its usage at the end."""
    head, tail = MESSAGE.split(b"The loop stops one early", 1)
    yield head
    for _ in range(HUGE // len(PIECE)):
        yield PIECE
    yield tail


def huge_stream() -> Iterator[bytes]:
    """A stream of 100 MiB of deltas between its beginning and its end."""
    yield from EVENTS[:6]
    delta = b'data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"%b"}}\n\n'
    for _ in range(HUGE // len(PIECE)):
        yield delta % PIECE
    yield from EVENTS[6:]


def huge_line() -> Iterator[bytes]:
    """A stream of 100 MiB without a single line's end."""
    yield EVENTS[0]
    yield b"data: "
    for _ in range(HUGE // len(PIECE)):
        yield PIECE


NONSENSE = {
    "no JSON": (EVENTS[0], b"event: message_delta\ndata: {broken\n\n", *EVENTS[1:]),
    "not UTF-8": (EVENTS[0], b"data: \xff\xfe\x80\n\n", *EVENTS[1:]),
    "no events": (b"<html>", b"nothing of the kind\0\0", b"\r\r\r"),
    "wrong types": (
        b'data: {"type":"message_start","message":{"usage":{"input_tokens":"many","output_tokens":-5}}}\n\n',
        b'data: {"type":"message_delta","usage":[1e999]}\n\n',
        b"data: [[[[[[[[[[\n\n",
        b"data: 7\n\n",
    ),
    "deep": (b"data: " + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"\n\n", *EVENTS),
    "cut in the middle of a letter": (b"".join(EVENTS)[:-40],),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_a_malformed_stream_reaches_the_program_as_it_is_and_is_on_record(
    capturing: CapturingLaptop, upstream: Upstream, name: str
) -> None:
    upstream.script(Reply.stream(NONSENSE[name]), Reply.document(MESSAGE))
    came = asks(capturing, STREAM)
    assert (came.status, came.sha256, came.whole) == (200, digest(NONSENSE[name]), True)
    call = capturing.new_calls(1)[0]
    assert call.model
    assert min(call.tokens.total_input, call.tokens.output) >= 0
    assert asks(capturing).sha256 == digest([MESSAGE])
    assert capturing.new_calls(2)[0].tokens == ANTHROPIC_TOKENS
    assert capturing.recording()["metering_failures"] == 0


def test_resets_reach_the_program_and_are_on_record(capturing: CapturingLaptop, upstream: Upstream) -> None:
    upstream.script(
        Reply.stream(EVENTS[:3], ending="reset"),
        Reply(200, {"content-type": "application/json"}, (MESSAGE[:50],), length=len(MESSAGE), ending="reset"),
        Reply(200, {"content-type": "application/json"}, (MESSAGE[:50],), length=len(MESSAGE), ending="close"),
    )
    for number in range(1, 4):
        came = asks(capturing, STREAM if number == 1 else None)
        assert not came.whole
        call = capturing.new_calls(number)[0]
        assert (call.status, call.http_status, call.tokens_complete) == ("error", 200, False)
    assert asks(capturing).whole
    assert capturing.new_calls(4)[0].tokens == ANTHROPIC_TOKENS


def test_a_provider_that_hangs_holds_up_nobody_else_and_is_on_record_when_the_program_gives_up(
    capturing: CapturingLaptop, upstream: Upstream
) -> None:
    hanging = 5
    upstream.script(*[Reply.stream(EVENTS[:2], ending="hang") for _ in range(hanging)])
    patience = {"patience": 3.0}
    waiting = [threading.Thread(target=asks, args=(capturing, STREAM), kwargs=patience) for _ in range(hanging)]
    for one in waiting:
        one.start()
    upstream.received(hanging)
    assert asks(capturing).whole
    assert capturing.new_calls(1)[0].tokens == ANTHROPIC_TOKENS
    for one in waiting:
        one.join()
    assert all(upstream.received(number).gone.wait(20) for number in range(1, 1 + hanging)), "the provider never heard"
    calls = capturing.new_calls(1 + hanging)
    aborted = [call for call in calls if call.status != "success"]
    assert len(aborted) == hanging
    assert {call.tokens.uncached_input for call in aborted} == {ANTHROPIC_TOKENS.uncached_input}
    assert not any(call.tokens_complete for call in aborted)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize(
    ("make", "request_body", "content_type", "tokens"),
    [
        (huge_message, ANTHROPIC_REQUEST, "application/json", None),
        (huge_stream, STREAM, "text/event-stream", ANTHROPIC_TOKENS),
        (huge_line, STREAM, "text/event-stream", None),
    ],
    ids=["one object", "a stream", "one line"],
)
def test_an_answer_of_a_hundred_megabytes_passes_whole_and_is_never_held(
    capturing: CapturingLaptop,
    upstream: Upstream,
    make: Callable[[], Iterator[bytes]],
    request_body: object,
    content_type: str,
    tokens: Tokens | None,
) -> None:
    for number in range(1, 4):  # so that what is imported and kept at first use does not count
        assert asks(capturing, STREAM).whole
        capturing.new_calls(number)[0]
    daemon = capturing.running().pid
    assert daemon is not None
    before = memory_kib(daemon, "VmRSS")
    Path(f"/proc/{daemon}/clear_refs").write_text("5")  # the peak is counted anew
    upstream.script(Reply(200, {"content-type": content_type}, make()))
    came = asks(capturing, request_body)
    assert (came.status, came.whole) == (200, True)
    assert came.size > HUGE
    assert came.sha256 == digest(make())
    call = capturing.new_calls(4)[0]
    grown = memory_kib(daemon, "VmHWM") - before
    sys.stdout.write(f"{came.size / MIB:.0f} MiB passed; memory grew by {grown / 1024:.1f} MiB at most\n")
    assert grown < GROWTH_ALLOWED_KIB
    assert call.status == "success" or tokens is None
    assert tokens is None or call.tokens == tokens


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_request_of_a_hundred_megabytes_passes_whole_and_is_not_held_whole(
    capturing: CapturingLaptop, upstream: Upstream
) -> None:
    assert asks(capturing).whole
    daemon = capturing.running().pid
    assert daemon is not None
    before = memory_kib(daemon, "VmRSS")
    Path(f"/proc/{daemon}/clear_refs").write_text("5")  # the peak is counted anew
    body = compact(ANTHROPIC_REQUEST | {"metadata": {"user_id": "u" * HUGE}})
    upstream.script(Reply.document(MESSAGE))
    assert asks(capturing, body).sha256 == digest([MESSAGE])
    assert upstream.received(2).body == body
    assert capturing.new_calls(2)[0].tokens == ANTHROPIC_TOKENS
    grown = memory_kib(daemon, "VmHWM") - before
    sys.stdout.write(f"memory grew by {grown / 1024:.1f} MiB at most\n")
    assert grown < REQUEST_GROWTH_ALLOWED_KIB


def memory_kib(pid: int, name: str) -> int:
    """`VmRSS` is what a process holds now, `VmHWM` the most it held."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])
