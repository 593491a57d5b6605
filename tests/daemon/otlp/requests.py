"""OTLP trace requests as exporters send them, in both encodings."""

from __future__ import annotations

import json
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status

START_NS = 1_793_610_000_123_456_789
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.id": "chatcmpl-123",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.input_tokens": 1_000,
    "gen_ai.usage.cache_read.input_tokens": 600,
    "gen_ai.usage.output_tokens": 180,
    "gen_ai.usage.reasoning.output_tokens": 64,
    "gen_ai.response.time_to_first_chunk": 0.25,
    "server.address": "api.openai.com",
}


def span(number: int = 1, attributes: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Return a plain description of a span, for either encoding."""
    return {
        "trace": f"{number:032x}",
        "span": f"{number:016x}",
        "name": "chat gpt-4o",
        "start": START_NS,
        "end": START_NS + 2_500_000_000,
        "failed": False,
        "attributes": CHAT if attributes is None else attributes,
    } | changes


def as_json(*spans: dict[str, Any], resource: dict[str, Any] | None = None) -> bytes:
    told = [
        {
            "traceId": each["trace"],
            "spanId": each["span"],
            "name": each["name"],
            "kind": 3,
            "startTimeUnixNano": str(each["start"]),
            "endTimeUnixNano": str(each["end"]),
            "attributes": _json_pairs(each["attributes"]),
            "status": {"code": 2} if each["failed"] else {},
        }
        for each in spans
    ]
    group = {
        "resource": {"attributes": _json_pairs(resource or {"service.name": "Support Bot"})},
        "scopeSpans": [{"scope": {"name": "opentelemetry.instrumentation.openai_v2"}, "spans": told}],
    }
    return json.dumps({"resourceSpans": [group]}).encode()


def as_protobuf(*spans: dict[str, Any], resource: dict[str, Any] | None = None) -> bytes:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(_pairs(resource or {"service.name": "Support Bot"}))
    scope = group.scope_spans.add()
    for each in spans:
        told = scope.spans.add()
        told.trace_id, told.span_id = bytes.fromhex(each["trace"]), bytes.fromhex(each["span"])
        told.name = each["name"]
        told.start_time_unix_nano, told.end_time_unix_nano = each["start"], each["end"]
        told.status.code = Status.STATUS_CODE_ERROR if each["failed"] else Status.STATUS_CODE_UNSET
        told.attributes.extend(_pairs(each["attributes"]))
    return request.SerializeToString()


def _json_pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _json_value(value)} for key, value in attributes.items()]


def _json_value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list():
            return {"arrayValue": {"values": [_json_value(each) for each in value]}}
        case _:
            return {"stringValue": value}


def _pairs(attributes: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in attributes.items()]


def _value(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=[_value(each) for each in value]))
        case _:
            return AnyValue(string_value=value)
