"""Files of traces: one request a line, or one request altogether."""

from __future__ import annotations

import gzip
import json

import pytest

from tests.daemon.importers.conftest import Desk
from tests.daemon.otlp.requests import CHAT, as_json, as_protobuf, span

REQUESTS = (as_json(span(1), span(2)), as_json(span(3)))


def test_a_collectors_file_is_read_line_by_line_as_it_grows(desk: Desk) -> None:
    assert desk.read("otel", "traces.json", REQUESTS[0] + b"\n").tally.new == 2
    grown = desk.read("otel", "traces.json", b"\n".join(REQUESTS) + b"\n")
    assert (grown.lines, grown.tally.new, grown.tally.known) == (1, 1, 0)
    assert {call.project for call in desk.calls()} == {"support-bot"}


@pytest.mark.parametrize(
    "content",
    [
        as_protobuf(span(1), span(2)),
        gzip.compress(as_protobuf(span(1), span(2))),
        json.dumps(json.loads(REQUESTS[0]), indent=2).encode(),
        REQUESTS[0],
    ],
    ids=["protobuf", "gzip", "indented", "one line"],
)
def test_one_request_may_fill_the_file(desk: Desk, content: bytes) -> None:
    assert desk.read("otel", "trace", content).tally.new == 2
    assert desk.read("otel", "again", REQUESTS[0]).tally.known == 2


def test_what_is_no_request_is_hopeless(desk: Desk) -> None:
    assert desk.read("otel", "noise", b"\xff\xff\xff").hopeless
    assert desk.read("otel", "text.json", b'{"a": 1\n').hopeless


def test_spans_of_a_covered_program_can_be_marked(desk: Desk) -> None:
    path = desk.file("t.jsonl", as_json(span(1, CHAT)) + b"\n")
    desk.importer("otel", billing="subscription").read(path)
    assert desk.calls()[0].billing_basis == "subscription_imputed"
