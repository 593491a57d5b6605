"""Answers in Anthropic's messages form: Anthropic's own, and xAI's for its clients.

Belongs here: where the facts stand. Does not belong here: what follows of them (`verdict`).

Input counts exclude cache reads and writes. A stream counts input in `message_start` and all again, cumulatively, in
`message_delta`, whose fields may be null for what has not changed.
"""

from __future__ import annotations

from typing import Any, Final

from daemon.capture.providers.failures import failure_of_word
from daemon.capture.providers.fields import count, items, mapping, name, size
from daemon.capture.providers.plans import FAST
from daemon.capture.providers.reading import Reading, Surface

_DELTA_TEXTS: Final = ("text", "thinking", "partial_json")
_TIMES: Final = "cache_creation"


def read_document(reading: Reading, message: dict[str, Any]) -> None:
    """Read an answer that is one message."""
    if message.get("type") == "error":
        read_event(reading, message)
        return
    _read_message(reading, message)
    _count(reading, mapping(message.get("usage")))
    reading.done = True


def read_event(reading: Reading, event: dict[str, Any]) -> None:
    """Read one event of a stream; its type stands in its data, too."""
    kind = event.get("type")
    if kind == "content_block_delta":
        delta = mapping(event.get("delta"))
        reading.content(sum(size(delta.get(key)) for key in _DELTA_TEXTS))
    elif kind == "message_start":
        message = mapping(event.get("message"))
        _read_message(reading, message)
        reading.usage = mapping(message.get("usage"))
        reading.output_so_far = count(reading.usage.get("output_tokens")) or 0
        _count(reading, {**reading.usage, "output_tokens": None})
    elif kind == "message_delta":
        _read_end(reading, event)
    elif kind == "message_stop":
        reading.done = True
    elif kind == "error":
        reading.failure = failure_of_word(name(mapping(event.get("error")).get("type")))


def _read_end(reading: Reading, event: dict[str, Any]) -> None:
    reason = name(mapping(event.get("delta")).get("stop_reason"))
    if reason is not None:
        reading.stop_reason = reason
        reading.stop(0)
    later = {key: value for key, value in mapping(event.get("usage")).items() if value is not None}
    reading.usage = (reading.usage or {}) | later
    counted = reading.usage if "output_tokens" in later else {**reading.usage, "output_tokens": None}
    _count(reading, counted)


def _read_message(reading: Reading, message: dict[str, Any]) -> None:
    reading.model = name(message.get("model")) or reading.model
    reading.answer_id = name(message.get("id")) or reading.answer_id
    reading.stop_reason = name(message.get("stop_reason")) or reading.stop_reason


def _count(reading: Reading, usage: dict[str, Any]) -> None:
    tier = name(usage.get("service_tier"))
    # Faster serving is a price of its own, which a tier's name stands for.
    reading.service_tier = FAST if usage.get("speed") == FAST else tier or reading.service_tier
    kinds = [item.get("type") for item in map(mapping, items(usage.get("iterations")))]
    # An adviser is another model with prices of its own, which one row cannot carry.
    reading.partial = reading.partial or "advisor_message" in kinds
    uncached = count(usage.get("input_tokens"))
    if uncached is not None:
        parts = [usage, *_compactions(usage)]
        writes = [_writes(part) for part in parts]
        reading.count_input(
            uncached=_sum(parts, "input_tokens"),
            cache_read=_sum(parts, "cache_read_input_tokens"),
            write_5m=sum(short for short, _ in writes),
            write_1h=sum(long for _, long in writes),
        )
    if count(usage.get("output_tokens")) is not None:
        thinking = count(mapping(usage.get("output_tokens_details")).get("thinking_tokens"))
        reading.count_output(_sum([usage, *_compactions(usage)], "output_tokens"), thinking or 0)


def _compactions(usage: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the counts of context summarised on the way, which the message's own leave out."""
    return [item for item in map(mapping, items(usage.get("iterations"))) if item.get("type") == "compaction"]


def _sum(parts: list[dict[str, Any]], key: str) -> int:
    return sum(count(part.get(key)) or 0 for part in parts)


def _writes(usage: dict[str, Any]) -> tuple[int, int]:
    """Return the cache writes (for five minutes, for an hour); those without a time are for five minutes."""
    times = mapping(usage.get(_TIMES))
    long = count(times.get("ephemeral_1h_input_tokens")) or 0
    short = count(times.get("ephemeral_5m_input_tokens")) or 0
    written = count(usage.get("cache_creation_input_tokens"))
    if written is None:
        return short, long
    long = min(long, written)
    return written - long, long


MESSAGES: Final = Surface(
    read_document, read_event, frozenset({b"ping", b"content_block_start", b"content_block_stop"})
)
