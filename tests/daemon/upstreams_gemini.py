"""Gemini's answers, and what they mean in disjoint kinds of tokens."""

from __future__ import annotations

from typing import Any

from daemon.calls.tokens import Tokens
from tests.daemon.upstreams_shapes import pretty

GEMINI_USAGE: dict[str, Any] = {
    "promptTokenCount": 4200,
    "candidatesTokenCount": 35,
    "totalTokenCount": 5013,
    "cachedContentTokenCount": 4000,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 4200}],
    "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 4000}],
    "thoughtsTokenCount": 728,
    "toolUsePromptTokenCount": 50,
}
GEMINI_TOKENS = Tokens(uncached_input=250, cache_read=4000, output=763, thinking=728)
GEMINI_REQUEST: dict[str, Any] = {
    "contents": [{"role": "user", "parts": [{"text": "Is this loop right?"}]}],
    "systemInstruction": {"parts": [{"text": "You review code."}]},
    "generationConfig": {"temperature": 0.2},
}


def gemini_content(
    text: str = "It stops one early.", usage: dict[str, Any] | None = None, finish: str | None = "STOP", **changes: Any
) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": GEMINI_USAGE if usage is None else usage,
        "modelVersion": "gemini-2.5-flash",
        "responseId": "mAitaLmkHPPlz7IPvtfUqQ4",
    } | changes


def gemini_parts() -> list[dict[str, Any]]:
    return [
        gemini_content("It stops", {"promptTokenCount": 4200, "totalTokenCount": 4900}, None),
        gemini_content(' one "early": {[', {**GEMINI_USAGE, "candidatesTokenCount": 20}, None),
        gemini_content("]}.", GEMINI_USAGE, "STOP"),
    ]


def gemini_array() -> tuple[bytes, ...]:
    """The stream of who does not ask for events: one array, an object at a time."""
    first, *others = map(pretty, gemini_parts())
    return (b"[" + first, *(b"\n,\r\n" + other for other in others), b"\n]")
