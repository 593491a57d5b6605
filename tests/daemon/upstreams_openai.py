"""OpenAI's answers, and what they mean in disjoint kinds of tokens."""

from __future__ import annotations

from typing import Any

from daemon.calls.tokens import Tokens
from tests.daemon.upstreams_shapes import data_events, named_events

CHAT_USAGE: dict[str, Any] = {
    "prompt_tokens": 2006,
    "completion_tokens": 300,
    "total_tokens": 2306,
    "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 128,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
CHAT_TOKENS = Tokens(uncached_input=86, cache_read=1920, output=300, thinking=128)
CHAT_REQUEST: dict[str, Any] = {
    "model": "gpt-5-mini",
    "messages": [
        {"role": "developer", "content": "You review code."},
        {"role": "user", "content": [{"type": "text", "text": "Is this loop right?"}]},
    ],
}
OPENAI_HEADERS = {"x-request-id": "req_4a1b9c3d2e", "openai-processing-ms": "412", "openai-version": "2020-10-01"}


def chat_completion(usage: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
        "object": "chat.completion",
        "created": 1741570283,
        "model": "gpt-5-mini-2025-08-07",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "It stops one early.",
                    "refusal": None,
                    "annotations": [],
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": CHAT_USAGE if usage is None else usage,
        "service_tier": "default",
        "system_fingerprint": "fp_fc9f1d7035",
    } | changes


def chat_chunk(delta: dict[str, Any] | None, finish: str | None = None, **changes: Any) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    return {
        "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
        "object": "chat.completion.chunk",
        "created": 1741570283,
        "model": "gpt-5-mini-2025-08-07",
        "service_tier": "default",
        "system_fingerprint": "fp_fc9f1d7035",
        "choices": choices,
        "obfuscation": "rT6lN",
    } | changes


def chat_chunks(usage: dict[str, Any] | None) -> tuple[bytes, ...]:
    """A stream as with `include_usage`; without the count when `usage` is None."""
    null = {} if usage is None else {"usage": None}
    chunks = [
        chat_chunk({"role": "assistant", "content": "", "refusal": None}, **null),
        chat_chunk({"content": "It stops"}, **null),
        chat_chunk({"content": " one eärly."}, **null),
        chat_chunk({}, "stop", **null),
    ]
    if usage is not None:
        chunks.append(chat_chunk(None, usage=usage))
    return data_events(*chunks, done=True)


RESPONSES_USAGE: dict[str, Any] = {
    "input_tokens": 1100,
    "input_tokens_details": {"cached_tokens": 1000, "cache_write_tokens": 60},
    "output_tokens": 700,
    "output_tokens_details": {"reasoning_tokens": 640},
    "total_tokens": 1800,
}
RESPONSES_TOKENS = Tokens(uncached_input=40, cache_read=1000, cache_write_5m=60, output=700, thinking=640)
RESPONSES_REQUEST: dict[str, Any] = {
    "model": "gpt-5.1",
    "instructions": "You review code.",
    "input": [{"role": "user", "content": [{"type": "input_text", "text": "Is this loop right?"}]}],
    "service_tier": "auto",
}
_OUTPUT_MESSAGE: dict[str, Any] = {
    "id": "msg_67ccd2bf17f0819081ff3bb2cf6508e6",
    "type": "message",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "It stops one early.", "annotations": [], "logprobs": []}],
}


def response(usage: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "id": "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
        "object": "response",
        "created_at": 1741476542,
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": "You review code.",
        "max_output_tokens": None,
        "model": "gpt-5.1-2025-11-13",
        "output": [{"id": "rs_68", "type": "reasoning", "summary": []}, _OUTPUT_MESSAGE],
        "parallel_tool_calls": True,
        "reasoning": {"effort": "medium", "summary": None},
        "service_tier": "flex",
        "store": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "usage": RESPONSES_USAGE if usage is None else usage,
        "user": None,
        "metadata": {},
    } | changes


def response_events(last: str = "response.completed", **changes: Any) -> tuple[bytes, ...]:
    begun = response(status="in_progress", output=[], service_tier="auto") | {"usage": None}
    place = {"item_id": _OUTPUT_MESSAGE["id"], "output_index": 1, "content_index": 0}
    item = {**_OUTPUT_MESSAGE, "status": "in_progress", "content": []}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        {"type": "response.output_item.added", "output_index": 1, "item": item},
        {
            "type": "response.content_part.added",
            **place,
            "part": {"type": "output_text", "text": "", "annotations": []},
        },
        {"type": "response.output_text.delta", **place, "delta": "It stops", "logprobs": []},
        {"type": "response.output_text.delta", **place, "delta": " one early.", "logprobs": []},
        {"type": "response.output_text.done", **place, "text": "It stops one early.", "logprobs": []},
        {"type": "response.output_item.done", "output_index": 1, "item": _OUTPUT_MESSAGE},
        {"type": last, "response": response(**changes)},
    ]
    return named_events(*({**event, "sequence_number": number} for number, event in enumerate(events)))


EMBEDDINGS_REQUEST: dict[str, Any] = {"model": "text-embedding-3-small", "input": ["one", "two"]}
EMBEDDINGS: dict[str, Any] = {
    "object": "list",
    "data": [
        {"object": "embedding", "index": 0, "embedding": [0.0023064255, -0.009327292]},
        {"object": "embedding", "index": 1, "embedding": [-0.0028842222, 0.01]},
    ],
    "model": "text-embedding-3-small",
    "usage": {"prompt_tokens": 8, "total_tokens": 8},
}
