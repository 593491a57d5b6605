"""How providers put objects on the wire: in one piece or as events."""

from __future__ import annotations

import json
from typing import Any

JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"


def pretty(value: Any) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode()


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def named_events(*events: dict[str, Any]) -> tuple[bytes, ...]:
    """Events as Anthropic and the responses of OpenAI send them: the type in a line of its own, too."""
    return tuple(f"event: {event['type']}\ndata: ".encode() + compact(event) + b"\n\n" for event in events)


def data_events(*events: dict[str, Any], end: str = "\n\n", done: bool = False) -> tuple[bytes, ...]:
    sent = tuple(b"data: " + compact(event) + end.encode() for event in events)
    return (*sent, b"data: [DONE]\n\n") if done else sent
