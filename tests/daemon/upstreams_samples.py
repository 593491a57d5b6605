"""One exchange of every surface, streamed and not, with what of it is to be known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from daemon.calls.tokens import Tokens
from tests.daemon.upstreams_anthropic import (
    ANTHROPIC_HEADERS,
    ANTHROPIC_REQUEST,
    ANTHROPIC_TOKENS,
    anthropic_events,
    anthropic_message,
)
from tests.daemon.upstreams_gemini import GEMINI_REQUEST, GEMINI_TOKENS, gemini_array, gemini_content, gemini_parts
from tests.daemon.upstreams_openai import (
    CHAT_REQUEST,
    CHAT_TOKENS,
    CHAT_USAGE,
    EMBEDDINGS,
    EMBEDDINGS_REQUEST,
    OPENAI_HEADERS,
    RESPONSES_REQUEST,
    RESPONSES_TOKENS,
    chat_chunk,
    chat_chunks,
    chat_completion,
    response,
    response_events,
)
from tests.daemon.upstreams_shapes import EVENTS, JSON, compact, data_events, pretty


@dataclass(frozen=True)
class Sample:
    """One exchange: a request, the pieces of its answer, and what of it is to be known."""

    name: str
    provider: str
    path: str
    request: dict[str, Any]
    pieces: tuple[bytes, ...]
    tokens: Tokens
    model: str
    surface: str
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    answer_id: str | None = None
    service_tier: str | None = None
    stop_reason: str | None = None
    usage_source: str = "provider"
    request_kind: str = "chat"

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def streamed(self) -> bool:
        return self.content_type == EVENTS or len(self.pieces) > 1


XAI_CHAT_USAGE: dict[str, Any] = {
    "prompt_tokens": 2640,
    "completion_tokens": 182,
    "total_tokens": 3494,
    "prompt_tokens_details": {"text_tokens": 2640, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 473},
    "completion_tokens_details": {
        "reasoning_tokens": 672,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
    "num_sources_used": 0,
}
XAI_CHAT_TOKENS = Tokens(uncached_input=2167, cache_read=473, output=854, thinking=672)
XAI_RESPONSES_USAGE: dict[str, Any] = {
    "input_tokens": 199,
    "input_tokens_details": {"cached_tokens": 163},
    "output_tokens": 241,
    "output_tokens_details": {"reasoning_tokens": 204},
    "total_tokens": 440,
    "num_sources_used": 0,
    "num_server_side_tools_used": 0,
}
XAI_RESPONSES_TOKENS = Tokens(uncached_input=36, cache_read=163, output=241, thinking=204)
_GROK: dict[str, Any] = {"model": "grok-4-0709", "service_tier": None}


def _sample(name: str, path: str, request: dict[str, Any], *pieces: bytes, **known: Any) -> Sample:
    provider, surface = known.pop("of")
    return Sample(name, provider, path, request, pieces, surface=surface, **known)


_MESSAGE: dict[str, Any] = {
    "of": ("anthropic", "messages"),
    "model": "claude-haiku-4-5-20251001",
    "tokens": ANTHROPIC_TOKENS,
    "headers": ANTHROPIC_HEADERS,
    "answer_id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
    "service_tier": "standard",
}
_CHAT: dict[str, Any] = {
    "of": ("openai", "chat.completions"),
    "model": "gpt-5-mini-2025-08-07",
    "tokens": CHAT_TOKENS,
    "headers": OPENAI_HEADERS,
    "answer_id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
    "service_tier": "default",
    "stop_reason": "stop",
}
_RESPONSE: dict[str, Any] = {
    "of": ("openai", "responses"),
    "model": "gpt-5.1-2025-11-13",
    "tokens": RESPONSES_TOKENS,
    "headers": OPENAI_HEADERS,
    "answer_id": "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
    "service_tier": "flex",
    "stop_reason": "completed",
}
_GEMINI: dict[str, Any] = {
    "of": ("gemini", "generateContent"),
    "model": "gemini-2.5-flash",
    "tokens": GEMINI_TOKENS,
    "answer_id": "mAitaLmkHPPlz7IPvtfUqQ4",
    "stop_reason": "STOP",
}
_XAI: dict[str, Any] = {
    "model": "grok-4-0709",
    "headers": {"x-request-id": "8d1c2c3e-2d0c-4f6d-9f5e-0e4f9c1a2b3c"},
    "service_tier": None,
}
_STREAM = {"content_type": EVENTS}
_MODELS = "/v1beta/models/gemini-2.5-flash"
_COUNTED = {"stream": True, "stream_options": {"include_usage": True}}
# "You review code." and "Is this loop right?": 35 bytes; "It stops one eärly.": 20 bytes.
_ESTIMATED = Tokens(uncached_input=9, output=5)

SAMPLES: dict[str, Sample] = {
    sample.name: sample
    for sample in (
        _sample(
            "anthropic message",
            "/v1/messages",
            ANTHROPIC_REQUEST,
            compact(anthropic_message()),
            **_MESSAGE,
            stop_reason="end_turn",
        ),
        _sample(
            "anthropic stream",
            "/v1/messages?beta=true",
            ANTHROPIC_REQUEST | {"stream": True},
            *anthropic_events(),
            **_MESSAGE | _STREAM,
            stop_reason="tool_use",
        ),
        _sample("openai chat", "/v1/chat/completions", CHAT_REQUEST, pretty(chat_completion()), **_CHAT),
        _sample(
            "openai chat stream",
            "/v1/chat/completions",
            CHAT_REQUEST | _COUNTED,
            *chat_chunks(CHAT_USAGE),
            **_CHAT | _STREAM,
        ),
        _sample(
            "openai chat stream without a count",
            "/v1/chat/completions",
            CHAT_REQUEST | {"stream": True},
            *chat_chunks(None),
            **_CHAT | _STREAM | {"tokens": _ESTIMATED},
            usage_source="estimated",
        ),
        _sample("openai response", "/v1/responses", RESPONSES_REQUEST, pretty(response()), **_RESPONSE),
        _sample(
            "openai response stream",
            "/v1/responses",
            RESPONSES_REQUEST | {"stream": True},
            *response_events(),
            **_RESPONSE | _STREAM,
        ),
        _sample(
            "openai embeddings",
            "/v1/embeddings",
            EMBEDDINGS_REQUEST,
            pretty(EMBEDDINGS),
            of=("openai", "embeddings"),
            model="text-embedding-3-small",
            tokens=Tokens(uncached_input=8),
            headers=OPENAI_HEADERS,
            request_kind="embedding",
        ),
        _sample("gemini content", f"{_MODELS}:generateContent", GEMINI_REQUEST, pretty(gemini_content()), **_GEMINI),
        _sample(
            "gemini stream of events",
            f"{_MODELS}:streamGenerateContent?alt=sse",
            GEMINI_REQUEST,
            *data_events(*gemini_parts(), end="\r\n\r\n"),
            **_GEMINI | _STREAM,
        ),
        _sample(
            "gemini stream as an array", f"{_MODELS}:streamGenerateContent", GEMINI_REQUEST, *gemini_array(), **_GEMINI
        ),
        _sample(
            "gemini embedding",
            "/v1beta/models/gemini-embedding-001:embedContent",
            {"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "a loop or two"}]}},
            pretty({"embedding": {"values": [0.013168523, -0.008711934]}}),
            of=("gemini", "embedContent"),
            model="gemini-embedding-001",
            tokens=Tokens(uncached_input=4),
            usage_source="estimated",
            request_kind="embedding",
        ),
        _sample(
            "gemini embeddings",
            "/v1beta/models/gemini-embedding-001:batchEmbedContents",
            {"requests": [{"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "12345678"}]}}] * 2},
            pretty({"embeddings": [{"values": [0.1]}] * 2, "usageMetadata": {"promptTokenCount": 6}}),
            of=("gemini", "batchEmbedContents"),
            model="gemini-embedding-001",
            tokens=Tokens(uncached_input=6),
            request_kind="embedding",
        ),
        _sample(
            "xai chat",
            "/v1/chat/completions",
            CHAT_REQUEST | {"model": "grok-4"},
            compact(chat_completion(XAI_CHAT_USAGE, **_GROK)),
            **_CHAT | _XAI | {"of": ("xai", "chat.completions"), "tokens": XAI_CHAT_TOKENS},
        ),
        _sample(
            "xai chat stream",
            "/v1/chat/completions",
            CHAT_REQUEST | {"model": "grok-4", "stream": True},
            *data_events(
                chat_chunk({"role": "assistant", "reasoning_content": "Thinking... "}, **_GROK),
                chat_chunk({"content": "It stops one early."}, **_GROK),
                chat_chunk({"content": ""}, "stop", **_GROK),
                chat_chunk(None, usage=XAI_CHAT_USAGE, **_GROK),
                done=True,
            ),
            **_CHAT | _XAI | _STREAM | {"of": ("xai", "chat.completions"), "tokens": XAI_CHAT_TOKENS},
        ),
        _sample(
            "xai response",
            "/v1/responses",
            RESPONSES_REQUEST | {"model": "grok-4"},
            compact(response(XAI_RESPONSES_USAGE, **_GROK)),
            **_RESPONSE | _XAI | {"of": ("xai", "responses"), "tokens": XAI_RESPONSES_TOKENS},
        ),
        _sample(
            "xai response stream",
            "/v1/responses",
            RESPONSES_REQUEST | {"model": "grok-4", "stream": True},
            *response_events(usage=XAI_RESPONSES_USAGE, **_GROK),
            **_RESPONSE | _XAI | _STREAM | {"of": ("xai", "responses"), "tokens": XAI_RESPONSES_TOKENS},
        ),
        _sample(
            "xai message",
            "/v1/messages",
            ANTHROPIC_REQUEST | {"model": "grok-4"},
            compact(
                anthropic_message(
                    {"input_tokens": 9, "output_tokens": 2, "cache_read_input_tokens": 4}, model="grok-4-0709"
                )
            ),
            **_MESSAGE
            | _XAI
            | {"of": ("xai", "messages")}
            | {"tokens": Tokens(uncached_input=9, cache_read=4, output=2)},
            stop_reason="end_turn",
        ),
    )
}
"""Every surface, streamed and not, by name."""
