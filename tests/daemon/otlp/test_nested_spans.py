"""A framework's span around that of the library it calls with: one call, told twice, counted once."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from daemon.calls.call import Call
from daemon.otlp.spans import calls_of
from tests.daemon.otlp.requests import CHAT, as_json, as_protobuf, span

TRACE = f"{7:032x}"
AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": 1_000}
OUTER, BETWEEN, INNER = (f"{number:016x}" for number in (1, 2, 3))


def told(*nested: tuple[str, str, dict[str, Any]], protobuf: bool = False) -> list[Call]:
    """Return the calls of spans given as id, id of the span around, attributes."""
    spans = [span(trace=TRACE, span=name, attributes=attributes) for name, _, attributes in nested]
    around = {name: outer for name, outer, _ in nested}
    if protobuf:
        request = ExportTraceServiceRequest.FromString(as_protobuf(*spans))
        for each in request.resource_spans[0].scope_spans[0].spans:
            each.parent_span_id = bytes.fromhex(around[each.span_id.hex()])
        return calls_of(request.SerializeToString(), "application/x-protobuf", None).calls
    document = json.loads(as_json(*spans))
    for each in document["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        each["parentSpanId"] = around[each["spanId"]]
    return calls_of(json.dumps(document).encode(), "application/json", None).calls


@pytest.mark.parametrize("protobuf", [False, True])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_innermost_of_spans_with_the_same_counts_is_the_call(order: tuple[int, ...], *, protobuf: bool) -> None:
    nested = [(OUTER, "", CHAT), (BETWEEN, OUTER, CHAT), (INNER, BETWEEN, CHAT)]
    calls = told(*(nested[place] for place in order), protobuf=protobuf)
    assert [call.id for call in calls] == [call.id for call in told((INNER, "", CHAT))]


def test_what_stands_between_them_need_be_no_call() -> None:
    assert len(told((OUTER, "", CHAT), (BETWEEN, OUTER, AGENT), (INNER, BETWEEN, CHAT))) == 1


def test_a_call_within_another_with_other_counts_is_a_call_of_its_own() -> None:
    other = CHAT | {"gen_ai.usage.output_tokens": 181}
    assert len(told((OUTER, "", CHAT), (INNER, OUTER, other))) == 2


def test_calls_side_by_side_are_calls_though_they_look_alike() -> None:
    assert len(told((OUTER, "", AGENT), (BETWEEN, OUTER, CHAT), (INNER, OUTER, CHAT))) == 2


def test_spans_without_counts_hide_nothing() -> None:
    uncounted = {key: value for key, value in CHAT.items() if "usage" not in key}
    assert len(told((OUTER, "", uncounted), (INNER, OUTER, uncounted))) == 2


def test_spans_around_each_other_are_not_both_lost() -> None:
    assert len(told((OUTER, INNER, CHAT), (INNER, OUTER, CHAT))) == 1
    assert len(told((OUTER, OUTER, CHAT))) == 1
