"""Anthropic's answers, and what they mean in disjoint kinds of tokens."""

from __future__ import annotations

from typing import Any

from daemon.calls.tokens import Tokens
from tests.daemon.upstreams_shapes import named_events

ANTHROPIC_USAGE: dict[str, Any] = {
    "input_tokens": 2095,
    "cache_creation_input_tokens": 1300,
    "cache_read_input_tokens": 18210,
    "cache_creation": {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 1000},
    "output_tokens": 503,
    "output_tokens_details": {"thinking_tokens": 120},
    "server_tool_use": None,
    "service_tier": "standard",
    "inference_geo": "global",
}
ANTHROPIC_TOKENS = Tokens(
    uncached_input=2095, cache_read=18210, cache_write_5m=300, cache_write_1h=1000, output=503, thinking=120
)
ANTHROPIC_REQUEST: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 1024,
    "system": [{"type": "text", "text": "You review code.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
    "messages": [{"role": "user", "content": "Is this loop right? größer"}],
}
ANTHROPIC_HEADERS = {"request-id": "req_011CSHoEeqs5C35K2UUqR7Fy", "anthropic-organization-id": "org-1"}


def anthropic_message(usage: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5-20251001",
        "content": [{"type": "text", "text": 'The loop stops one early: "usage": {"input_tokens": 1}'}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": ANTHROPIC_USAGE if usage is None else usage,
    } | changes


def anthropic_events(usage: dict[str, Any] | None = None, **end: Any) -> tuple[bytes, ...]:
    """A stream as documented: pings, thinking with its signature, text, a tool's input in parts, cumulative usage."""
    usage = ANTHROPIC_USAGE if usage is None else usage
    start = anthropic_message(
        {**usage, "output_tokens": 1, "output_tokens_details": None}, content=[], stop_reason=None
    )
    block = "content_block"
    return named_events(
        {"type": "message_start", "message": start},
        {"type": f"{block}_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
        {"type": "ping"},
        {"type": f"{block}_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Count the steps…"}},
        {"type": f"{block}_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "EqQBCgIYAhIM"}},
        {"type": f"{block}_stop", "index": 0},
        {"type": f"{block}_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": f"{block}_delta", "index": 1, "delta": {"type": "text_delta", "text": "The loop stops"}},
        {"type": f"{block}_delta", "index": 1, "delta": {"type": "text_delta", "text": " one early.\n\n"}},
        {"type": f"{block}_stop", "index": 1},
        {
            "type": f"{block}_start",
            "index": 2,
            "content_block": {"type": "tool_use", "id": "toolu_01T1x1fJ34qAmk2tNTrN7Up6", "name": "fix", "input": {}},
        },
        {"type": f"{block}_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"line": '}},
        {"type": f"{block}_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "12}"}},
        {"type": f"{block}_stop", "index": 2},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None} | end,
            "usage": {
                "input_tokens": usage.get("input_tokens"),
                "cache_creation_input_tokens": None,
                "cache_read_input_tokens": usage.get("cache_read_input_tokens"),
                "output_tokens": usage.get("output_tokens"),
                "output_tokens_details": usage.get("output_tokens_details"),
            },
        },
        {"type": "message_stop"},
    )
