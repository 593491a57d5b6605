"""Answers in the form of OpenAI's responses.

Belongs here: where the facts stand. Does not belong here: how counts are understood (`openai_usage`).

The last event of a stream carries the whole answer with its count: `response.completed`, `response.incomplete` (cut
short at a limit) or `response.failed`.
"""

from __future__ import annotations

from typing import Any, Final

from daemon.capture.providers.failures import failure_of_word
from daemon.capture.providers.fields import items, mapping, name, size
from daemon.capture.providers.openai_usage import RESPONSES_FORM, read_usage
from daemon.capture.providers.reading import Reading, Surface

_ENDS: Final = frozenset({"completed", "incomplete", "failed", "cancelled"})
_ITEMS_MAX: Final = 4096
_DULL: Final = frozenset(
    {
        b"response.content_part.added",
        b"response.content_part.done",
        b"response.function_call_arguments.done",
        b"response.output_item.done",
        b"response.output_text.annotation.added",
        b"response.output_text.done",
        b"response.reasoning_summary_part.added",
        b"response.reasoning_summary_part.done",
        b"response.reasoning_summary_text.done",
        b"response.reasoning_text.done",
        b"response.refusal.done",
        b"response.image_generation_call.partial_image",
    }
)


def read_document(reading: Reading, answer: dict[str, Any]) -> None:
    """Read an answer that is one object; one that runs in the background has no count yet."""
    _read(reading, answer)
    if reading.output is None:
        texts = 0
        for item in map(mapping, items(answer.get("output"))[:_ITEMS_MAX]):
            texts += size(item.get("arguments"))
            texts += sum(size(mapping(part).get("text")) for part in items(item.get("content"))[:_ITEMS_MAX])
        reading.content(texts)


def read_event(reading: Reading, event: dict[str, Any]) -> None:
    """Read one event of a stream; its type stands in its data, too."""
    kind = event.get("type")
    if not isinstance(kind, str):
        return
    if kind.endswith(".delta"):
        reading.content(size(event.get("delta")))
    elif kind == "error":
        # The error stands in the event itself; with some servers in an object of its own.
        said = mapping(event.get("error")) or event
        reading.failure = failure_of_word(name(said.get("code")), _unless_error(said.get("type")))
    elif "response" in event:
        _read(reading, mapping(event["response"]))


def _unless_error(kind: Any) -> str | None:
    return None if kind == "error" else name(kind)


def _read(reading: Reading, answer: dict[str, Any]) -> None:
    reading.model = name(answer.get("model")) or reading.model
    reading.answer_id = name(answer.get("id")) or reading.answer_id
    reading.served(name(answer.get("service_tier")))
    if answer.get("usage") is not None:
        read_usage(reading, answer["usage"], RESPONSES_FORM)
    status = name(answer.get("status"))
    if status is None and reading.output is not None:
        reading.done = True  # a compaction has no status
    if status not in _ENDS:
        return
    reading.done = True
    if status == "failed":
        error = mapping(answer.get("error"))
        reading.failure = failure_of_word(name(error.get("code")), name(error.get("type")))
    reading.stop_reason = name(mapping(answer.get("incomplete_details")).get("reason")) or status


RESPONSES: Final = Surface(read_document, read_event, _DULL)
