"""Events and arrays as the standard and JSON allow them, beyond what the providers happen to send."""

from __future__ import annotations

import pytest

from daemon.capture.providers.json_array import ArrayStream
from daemon.capture.providers.sse import Event, EventStream


def events(*pieces: bytes) -> list[Event]:
    stream = EventStream()
    return [event for piece in pieces for event in stream.feed(piece)] + list(stream.end())


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_data_lines_are_joined_and_comments_and_other_fields_left_out(end: bytes, size: int) -> None:
    body = b": ping\nevent: a\nid: 7\ndata: {\ndata:  1\ndata:}\n\n\nevent: lost\n\ndata: b\nretry: 1\ndatum: c\n\n"
    body = body.replace(b"\n", end)
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    assert events(*pieces) == [Event(b"a", b"{\n 1\n}"), Event(b"", b"b")]


def test_an_event_that_breaks_off_is_given_at_the_end() -> None:
    assert events(b"event: a\ndata: 1\n", b"data: 2") == [Event(b"a", b"1\n2")]
    assert events(b"event: a\n") == []
    assert events() == []


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_objects_of_an_array_are_cut_at_their_own_brackets_only(size: int) -> None:
    objects = [b'{"a": "one \\" }"}', b'{"b": {"c": [{}, "{"]}}', b'{"d\\\\": "\\\\"}', b"{}"]
    body = b"\r\n[" + b",\r\n".join(objects) + b"]"
    stream = ArrayStream()
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    assert [event.data for piece in pieces for event in stream.feed(piece)] == objects
    assert list(stream.end()) == []
