"""OTLP trace requests as calls, and what to answer.

Belongs here: from the bytes of a request to calls; the answer that the protocol asks for. Does not belong here: HTTP
(the service's loopback server), prices, projects' further rules, the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from daemon.calls.call import Call
from daemon.otlp.conventions import call_of, is_call
from daemon.otlp.decoding import BODY_MAX, Span, UnreadableRequest, is_json, spans_of_json, spans_of_protobuf, unpacked

_Place = tuple[str, str]
"""Trace and span."""
_DEEPEST: Final = 32
"""How many spans around a call are looked at."""

__all__ = ["BODY_MAX", "OtlpResult", "UnreadableRequest", "answer_of", "calls_of"]


class OtlpResult(NamedTuple):
    """What came of a request.

    Attributes:
        calls: of the spans that tell of calls; `recorded_at_us` is still to be set, cost to be found.
        rejected: how many spans could not be taken; spans that tell of something else are not among them.
        reason: why, in a sentence; empty when nothing was rejected.
    """

    calls: list[Call]
    rejected: int
    reason: str


def calls_of(request: bytes, content_type: str, encoding: str | None) -> OtlpResult:
    """Return the calls that a trace request tells of. The same span gives the same id, however often it is sent.

    Args:
        request: body as it came.
        content_type: `application/x-protobuf` or `application/json`.
        encoding: content encoding: `gzip`, `deflate`, None.

    Raises:
        UnreadableRequest: it is no trace request at all; `status` is what to answer.
    """
    body = unpacked(request, encoding)
    spans = list(spans_of_json(body) if is_json(content_type) else spans_of_protobuf(body))
    told: dict[_Place, Call] = {}
    rejected = 0
    for span in spans:
        call = _call_of(span)
        if call is not None and span is not None:
            told[span.trace_id, span.span_id] = call
        elif span is None or is_call(span):
            rejected += 1
    reason = f"{rejected} spans have no believable ids or times" if rejected else ""
    repeated = _repeated({(span.trace_id, span.span_id): span for span in spans if span is not None}, told)
    return OtlpResult([call for place, call in told.items() if place not in repeated], rejected, reason)


def answer_of(result: OtlpResult, content_type: str) -> bytes:
    """Return the body of the answer 200, in the request's own encoding: what was rejected, else nothing to say."""
    if is_json(content_type):
        said = {"rejectedSpans": str(result.rejected), "errorMessage": result.reason} if result.rejected else None
        return msgspec.json.encode({} if said is None else {"partialSuccess": said})
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse  # noqa: PLC0415 - slow to load

    response = ExportTraceServiceResponse()
    if result.rejected:
        response.partial_success.rejected_spans = result.rejected
        response.partial_success.error_message = result.reason
    return response.SerializeToString()


def _repeated(spans: Mapping[_Place, Span], told: Mapping[_Place, Call]) -> set[_Place]:
    """Return the spans that tell of a call which a span within them tells of, too.

    A framework's span goes around that of the library it calls with, and carries the same counts.
    """
    found = set[_Place]()
    for place, call in told.items():
        if place in found:
            continue
        above = spans[place]
        for _ in range(_DEEPEST):
            around = (above.trace_id, above.parent_id)
            if around not in spans or around == place:
                break
            above = spans[around]
            outer = told.get(around)
            if outer is not None and call.usage_source != "absent" and outer.tokens == call.tokens:
                found.add(around)
    return found


def _call_of(span: Span | None) -> Call | None:
    return call_of(span) if span is not None and is_call(span) else None
