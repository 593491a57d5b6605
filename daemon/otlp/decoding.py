"""OTLP requests as spans: protobuf and JSON, compressed or not.

Belongs here: both encodings, and limits against hostile ones. Does not belong here: what attributes mean
(`conventions`).
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

BODY_MAX: Final = 64 << 20
"""Bytes of the largest request, unpacked."""
_ID_BYTES: Final = {"trace": 16, "span": 8}


class UnreadableRequest(ValueError):  # noqa: N818 - said to whoever sent it
    """A request that is no OTLP trace request; nothing of it was taken.

    Attributes:
        status: HTTP status that says so.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Span(msgspec.Struct, kw_only=True, frozen=True):
    """A span, whichever way it was encoded.

    Attributes:
        trace_id: lower-case hex.
        span_id: lower-case hex.
        parent_id: of the span it is a part of, lower-case hex; empty when it is part of none.
        start_ns: since 1970-01-01 UTC, nanoseconds.
        end_ns: likewise; 0 when it says none.
        failed: whether its status is an error.
        attributes: texts, numbers, booleans and lists of them.
        resource: attributes of the program that sent it.
    """

    trace_id: str
    span_id: str
    name: str
    start_ns: int
    end_ns: int
    failed: bool
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    parent_id: str = ""


def is_json(content_type: str) -> bool:
    """Return whether a content type names OTLP's JSON encoding; protobuf is the other.

    Raises:
        UnreadableRequest: it names neither.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in {"application/json", "application/x-protobuf", "application/protobuf"}:
        raise UnreadableRequest("content type must be application/x-protobuf or application/json", 415)
    return kind == "application/json"


def unpacked(body: bytes, encoding: str | None) -> bytes:
    """Return a body as it was before compression.

    Raises:
        UnreadableRequest: an unknown encoding, damaged, or larger than `BODY_MAX`.
    """
    name = (encoding or "identity").strip().lower()
    if name not in {"identity", "gzip", "deflate", ""}:
        raise UnreadableRequest("content encoding must be gzip, deflate or identity", 415)
    if name in {"gzip", "deflate"}:
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        try:
            body = unpacker.decompress(body, BODY_MAX + 1)
        except zlib.error as error:
            raise UnreadableRequest("the body is not compressed as it says") from error
        if not unpacker.eof and len(body) <= BODY_MAX:
            raise UnreadableRequest("the compressed body ends too early")
    if len(body) > BODY_MAX:
        raise UnreadableRequest("the body is too large", 413)
    return body


def spans_of_protobuf(body: bytes) -> Iterator[Span | None]:
    """Return the spans of a protobuf request; None for one that is none.

    Raises:
        UnreadableRequest: it is no such request.
    """
    # Loading these takes longer than all other modules of this room together.
    from google.protobuf.message import DecodeError  # noqa: PLC0415
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest  # noqa: PLC0415

    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise UnreadableRequest("not an OTLP trace request") from error
    return _each_of_protobuf(request)


def _each_of_protobuf(request: Any) -> Iterator[Span | None]:
    for group in request.resource_spans:
        resource = {pair.key: _value_of_message(pair.value) for pair in group.resource.attributes}
        for scope in group.scope_spans:
            for span in scope.spans:
                yield _span(
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    name=span.name,
                    start_ns=span.start_time_unix_nano,
                    end_ns=span.end_time_unix_nano,
                    failed=span.status.code == _ERROR,
                    attributes={pair.key: _value_of_message(pair.value) for pair in span.attributes},
                    resource=resource,
                )


_ERROR: Final = 2


def _value_of_message(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value_of_message(each) for each in value.array_value.values if each.WhichOneof("value") in _PLAIN]
    return getattr(value, kind) if kind in _PLAIN else None


_PLAIN: Final = {"string_value", "bool_value", "int_value", "double_value"}


def spans_of_json(body: bytes) -> Iterator[Span | None]:
    """Return the spans of a JSON request; None for one that is none.

    Raises:
        UnreadableRequest: it is no such request.
    """
    try:
        request = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UnreadableRequest("not JSON") from error
    if not isinstance(request, dict):
        raise UnreadableRequest("not an OTLP trace request")
    return _each_of_json(request)


def _each_of_json(request: dict[str, Any]) -> Iterator[Span | None]:
    for group in _objects(request, "resourceSpans", "resource_spans"):
        resource = _attributes(group.get("resource"))
        for scope in _objects(group, "scopeSpans", "scope_spans", "instrumentationLibrarySpans"):
            for span in _objects(scope, "spans"):
                status = span.get("status")
                code = status.get("code") if isinstance(status, dict) else None
                yield _span(
                    trace_id=_hex(_first(span, "traceId", "trace_id"), "trace"),
                    span_id=_hex(_first(span, "spanId", "span_id"), "span"),
                    parent_id=_hex(_first(span, "parentSpanId", "parent_span_id"), "span"),
                    name=span["name"] if isinstance(span.get("name"), str) else "",
                    start_ns=_whole(_first(span, "startTimeUnixNano", "start_time_unix_nano")),
                    end_ns=_whole(_first(span, "endTimeUnixNano", "end_time_unix_nano")),
                    failed=code in {_ERROR, "STATUS_CODE_ERROR"},
                    attributes=_attributes(span),
                    resource=resource,
                )


def _span(**facts: Any) -> Span | None:
    span = Span(**facts)
    whole = len(span.trace_id) == 2 * _ID_BYTES["trace"] and len(span.span_id) == 2 * _ID_BYTES["span"]
    return span if whole and span.start_ns > 0 else None


def _objects(holder: dict[str, Any], *names: str) -> list[dict[str, Any]]:
    found = _first(holder, *names)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _first(holder: dict[str, Any], *names: str) -> Any:
    return next((holder[name] for name in names if name in holder), None)


def _attributes(holder: Any) -> dict[str, Any]:
    pairs = _objects(holder, "attributes") if isinstance(holder, dict) else []
    return {pair["key"]: _value_of_json(pair.get("value")) for pair in pairs if isinstance(pair.get("key"), str)}


def _value_of_json(value: Any, *, within: bool = False) -> Any:
    """Return what an `AnyValue` holds; None for what is none, for objects, and for lists within lists."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    kind, held = next(iter(value.items()))
    if kind in {"arrayValue", "array_value"}:
        held = None if within or not isinstance(held, dict) else held
        return held and [_value_of_json(each, within=True) for each in _objects(held, "values")]
    if kind in {"intValue", "int_value"}:
        return _integer(held)
    if kind in {"doubleValue", "double_value"} and not isinstance(held, bool):
        return float(held) if isinstance(held, (int, float)) else None
    texts = {"stringValue": str, "string_value": str, "boolValue": bool, "bool_value": bool}
    return held if isinstance(held, texts.get(kind, ())) else None


def _integer(held: Any) -> int | None:
    """Return an integer, which JSON may hold as text: 64 bits are more than many readers of numbers can hold."""
    if isinstance(held, bool):
        return None
    if isinstance(held, int):
        return held
    digits = held.removeprefix("-") if isinstance(held, str) else ""
    return int(held) if 0 < len(digits) <= 20 and digits.isascii() and digits.isdigit() else None  # noqa: PLR2004 - digits of 64 bits


def _whole(held: Any) -> int:
    return _integer(held) or 0


def _hex(held: Any, kind: str) -> str:
    """Return an id as lower-case hex; some senders write it in base 64, as protobuf's own JSON does."""
    if not isinstance(held, str):
        return ""
    size = _ID_BYTES[kind]
    try:
        raw = bytes.fromhex(held) if len(held) == 2 * size else base64.b64decode(held, validate=True)
    except (ValueError, binascii.Error):
        return ""
    return raw.hex() if len(raw) == size and any(raw) else ""
