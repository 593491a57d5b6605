"""OpenTelemetry's conventions for GenAI, now and as they were: which spans are calls, and what their attributes mean.

Belongs here: names of attributes and providers, and the call a span tells of. Does not belong here: encodings
(`decoding`), requests and answers (`spans`).

`gen_ai.usage.input_tokens` include what was read from and written to the cache, for every provider. Senders that add
them up wrongly show it: their parts are more than the whole. Spans of agents and of workflows repeat the counts of the
calls below them, and spans of tools have none: they are no calls.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from daemon.attribution.chain import slug_of
from daemon.calls.call import Call
from daemon.calls.tokens import Tokens
from daemon.importers.failures import Failure, failure_of
from daemon.importers.fields import call_id, count, instant_us, text
from daemon.otlp.decoding import Span

SOURCE: Final = "otel"
_OPERATIONS: Final = {
    "chat": "chat",
    "generate_content": "chat",
    "text_completion": "chat",
    "embeddings": "embedding",
    "embedding": "embedding",
}
"""Operations that call a model, and their kind of request."""
_PROVIDERS: Final = {
    "gcp.gemini": "gemini",
    "gcp.gen_ai": "gemini",
    "gcp.vertex_ai": "gemini",
    "google": "gemini",
    "vertex_ai": "gemini",
    "x_ai": "xai",
}
_INPUT: Final = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
_OUTPUT: Final = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
_READ: Final = ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens")
_WRITTEN: Final = (
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
)
_THINKING: Final = ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens")
_FIRST_CHUNK: Final = ("gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token")
_TIER: Final = ("openai.response.service_tier", "gen_ai.openai.response.service_tier")
_STATUS: Final = ("http.response.status_code", "http.status_code")
_NS: Final = 1_000_000_000


def is_call(span: Span) -> bool:
    """Return whether a span tells of a call to a model."""
    operation = span.attributes.get("gen_ai.operation.name")
    if operation is not None:
        return operation in _OPERATIONS
    # Before there were operations, whoever named a provider and a model meant a call.
    return _provider(span.attributes) is not None and "gen_ai.request.model" in span.attributes


def call_of(span: Span) -> Call | None:
    """Return the call that a span tells of, None when its times cannot be believed."""
    start_us = instant_us(span.start_ns / _NS)
    if start_us is None:
        return None
    start_us = span.start_ns // 1000
    told = span.attributes
    counts = [_count(told, names) for names in (_INPUT, _READ, _WRITTEN, _OUTPUT, _THINKING)]
    failure = _failure(span)
    kind = _OPERATIONS.get(str(told.get("gen_ai.operation.name")), "unknown")
    project, method = _project(span)
    return Call(
        id=call_id(SOURCE, span.trace_id, span.span_id),
        requested_at_us=start_us,
        recorded_at_us=start_us,
        provider=_provider(told) or "unknown",
        model=_first_text(told, "gen_ai.response.model", "gen_ai.request.model") or "unknown",
        surface=_first_text(told, "gen_ai.operation.name") or "unknown",
        request_kind=kind,
        source=SOURCE,
        streamed=told.get("gen_ai.request.stream") is True or _first_chunk_ms(told) is not None,
        tokens=_tokens(*counts),
        usage_source="absent" if all(value is None for value in counts) else "provider",
        tokens_complete=failure is None and _whole(kind, counts[0], counts[3]),
        service_tier=_first_text(told, *_TIER),
        stop_reason=_stop_reason(told),
        status="success" if failure is None else "error",
        http_status=failure.http_status if failure is not None else _status(told),
        error_class=failure.error_class if failure is not None else None,
        provider_error_code=_first_text(told, "error.type") if failure is not None else None,
        retryable=failure.retryable if failure is not None else None,
        latency_ms=max(span.end_ns - span.start_ns, 0) / 1_000_000 if span.end_ns else 0.0,
        time_to_first_token_ms=_first_chunk_ms(told),
        provider_request_id=_first_text(told, "gen_ai.response.id"),
        project=project,
        attribution_method=method,
        source_machine=text(span.resource.get("host.name")),
    )


def _provider(told: Mapping[str, Any]) -> str | None:
    named = _first_text(told, "gen_ai.provider.name", "gen_ai.system")
    if named is None:
        return None
    name = named.lower()[:64]
    model = str(told.get("gen_ai.request.model"))
    if name.startswith("gcp.") and model.startswith("claude"):
        return "anthropic"
    return _PROVIDERS.get(name, name)


def _tokens(
    prompt: int | None, read: int | None, written: int | None, output: int | None, thinking: int | None
) -> Tokens:
    whole, cached, kept, answer = prompt or 0, read or 0, written or 0, output or 0
    apart = cached + kept > whole
    return Tokens(
        uncached_input=whole if apart else whole - cached - kept,
        cache_read=cached,
        cache_write_5m=kept,
        output=answer,
        thinking=min(thinking or 0, answer),
    )


def _whole(kind: str, prompt: int | None, output: int | None) -> bool:
    """Return whether both sides of a call are counted; embeddings have no output."""
    return prompt is not None and (output is not None or kind == "embedding")


def _failure(span: Span) -> Failure | None:
    named = span.attributes.get("error.type")
    status = _status(span.attributes)
    if not span.failed and named is None:
        return None
    return failure_of(status) if status is not None and status >= 400 else failure_of(named)  # noqa: PLR2004 - errors


def _project(span: Span) -> tuple[str, str]:
    """Return project and the rule that found it: what the span or its program says, else the program's own name."""
    for holder in (span.attributes, span.resource):
        slug = slug_of(text(holder.get("halton.project")) or "")
        if slug is not None:
            return slug, SOURCE
    service = text(span.resource.get("service.name")) or ""
    slug = None if service.startswith("unknown_service") else slug_of(service)
    return (slug, SOURCE) if slug is not None else ("personal", "smart_default")


def _count(told: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    return next((value for name in names if (value := count(told.get(name))) is not None), None)


def _first_text(told: Mapping[str, Any], *names: str) -> str | None:
    return next((value for name in names if (value := text(told.get(name))) is not None), None)


def _status(told: Mapping[str, Any]) -> int | None:
    status = next((value for name in _STATUS if (value := count(told.get(name), 999)) is not None), None)
    return status if status is not None and status >= 100 else None  # noqa: PLR2004 - the least there is


def _first_chunk_ms(told: Mapping[str, Any]) -> int | None:
    seconds = next((told[name] for name in _FIRST_CHUNK if name in told), None)
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return None
    return int(seconds * 1000) if math.isfinite(seconds) and 0 <= seconds < 86_400 else None  # noqa: PLR2004 - a day


def _stop_reason(told: Mapping[str, Any]) -> str | None:
    reasons = told.get("gen_ai.response.finish_reasons")
    return text(reasons[0], 64) if isinstance(reasons, list) and reasons else text(reasons, 64)
