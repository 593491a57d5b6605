"""Answers in Gemini's own form: content, in one piece or streamed, and embeddings.

Belongs here: where the facts stand, and how Gemini counts. Does not belong here: what follows of them (`verdict`).

`promptTokenCount` includes cached content; results of tools that are put in again and thoughts are counted apart from
it and from `candidatesTokenCount`. Every object of a stream counts all up to there.
"""

from __future__ import annotations

from typing import Any, Final

from daemon.capture.providers.failures import failure_of_error
from daemon.capture.providers.fields import count, items, mapping, name, size
from daemon.capture.providers.reading import Reading, Surface

_MANY: Final = 4096
_TIER_OF_TRAFFIC: Final = {
    "ON_DEMAND": "standard",
    "ON_DEMAND_FLEX": "flex",
    "ON_DEMAND_PRIORITY": "priority",
    "PROVISIONED_THROUGHPUT": "provisioned",
}


def read_document(reading: Reading, answer: dict[str, Any]) -> None:
    """Read an answer that is one object."""
    read_event(reading, answer)
    reading.done = True


def read_event(reading: Reading, answer: dict[str, Any]) -> None:
    """Read one object of a stream."""
    if answer.get("error") is not None:
        reading.failure = failure_of_error(answer)
        return
    _read(reading, answer)
    for candidate in map(mapping, items(answer.get("candidates"))[:_MANY]):
        parts = items(mapping(candidate.get("content")).get("parts"))[:_MANY]
        if parts:
            reading.content(sum(map(_part_size, parts)))
        reason = name(candidate.get("finishReason"))
        if reason is not None:
            reading.stop_reason = reason
            reading.stop(candidate.get("index"))
    blocked = name(mapping(answer.get("promptFeedback")).get("blockReason"))
    if blocked is not None:
        reading.stop_reason = blocked
        reading.done = True


def read_embeddings(reading: Reading, answer: dict[str, Any]) -> None:
    """Read an answer with embeddings: it has input only, and counts it for some models."""
    _read(reading, answer)
    reading.count_output(0, 0)
    reading.done = True


def _read(reading: Reading, answer: dict[str, Any]) -> None:
    version = name(answer.get("modelVersion"))
    if version is not None:
        reading.model = version.removeprefix("models/")
    reading.answer_id = name(answer.get("responseId")) or reading.answer_id
    usage = mapping(answer.get("usageMetadata"))
    tier = name(usage.get("serviceTier")) or _TIER_OF_TRAFFIC.get(name(usage.get("trafficType")) or "")
    reading.service_tier = tier.lower() if tier else reading.service_tier
    prompt = count(usage.get("promptTokenCount"))
    if prompt is None:
        return
    cached = min(count(usage.get("cachedContentTokenCount")) or 0, prompt)
    tools = count(usage.get("toolUsePromptTokenCount")) or 0
    reading.count_input(uncached=prompt - cached + tools, cache_read=cached)
    said = [usage.get(key) for key in ("candidatesTokenCount", "thoughtsTokenCount")]
    candidates, thoughts = map(count, said)
    # Protocol buffers leave out what is zero; what is there and unbelievable is no zero.
    if (candidates is not None or said[0] is None) and (thoughts is not None or said[1] is None):
        reading.count_output((candidates or 0) + (thoughts or 0), thoughts or 0)


def _part_size(value: Any) -> int:
    part = mapping(value)
    call = mapping(part.get("functionCall"))
    arguments = sum(size(argument) for argument in mapping(call.get("args")).values())
    return size(part.get("text")) + size(call.get("name")) + arguments


GENERATE_CONTENT: Final = Surface(read_document, read_event)
EMBED_CONTENT: Final = Surface(read_embeddings, read_embeddings)
