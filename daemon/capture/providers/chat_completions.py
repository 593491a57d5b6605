"""Answers in the form of OpenAI's chat completions, of completions before them, and of embeddings.

Belongs here: where the facts stand. Does not belong here: how counts are understood (`openai_usage`).

A stream counts only when asked to (`stream_options.include_usage`), in a chunk without choices before its end; each
chunk before has `usage: null`.
"""

from __future__ import annotations

from typing import Any, Final

from daemon.capture.providers.failures import failure_of_error
from daemon.capture.providers.fields import items, mapping, name, size
from daemon.capture.providers.openai_usage import CHAT_FORM, read_usage
from daemon.capture.providers.reading import Reading, Surface

_TEXTS: Final = ("content", "reasoning_content", "reasoning", "refusal")
_CHOICES_MAX: Final = 128


def read_document(reading: Reading, answer: dict[str, Any]) -> None:
    """Read an answer that is one object."""
    if answer.get("error") is not None:
        reading.failure = failure_of_error(answer)
        return
    _read(reading, answer)
    for choice in items(answer.get("choices"))[:_CHOICES_MAX]:
        _read_choice(reading, mapping(choice), "message")
    reading.done = True


def read_event(reading: Reading, chunk: dict[str, Any]) -> None:
    """Read one chunk of a stream."""
    if chunk.get("error") is not None:
        reading.failure = failure_of_error(chunk)
        return
    _read(reading, chunk)
    for choice in items(chunk.get("choices"))[:_CHOICES_MAX]:
        _read_choice(reading, mapping(choice), "delta")


def read_embeddings(reading: Reading, answer: dict[str, Any]) -> None:
    """Read an answer with embeddings: it has input only."""
    _read(reading, answer)
    reading.count_output(0, 0)
    reading.done = True


def _read(reading: Reading, answer: dict[str, Any]) -> None:
    reading.model = name(answer.get("model")) or reading.model
    reading.answer_id = name(answer.get("id")) or reading.answer_id
    reading.served(name(answer.get("service_tier")))
    if answer.get("usage") is not None:
        read_usage(reading, answer["usage"], CHAT_FORM)


def _read_choice(reading: Reading, choice: dict[str, Any], key: str) -> None:
    said = mapping(choice.get(key))
    text = sum(size(said.get(part)) for part in _TEXTS) + size(choice.get("text"))
    for call in items(said.get("tool_calls")):
        function = mapping(mapping(call).get("function"))
        text += size(function.get("name")) + size(function.get("arguments"))
    if text:
        reading.content(text)
    reason = name(choice.get("finish_reason"))
    if reason is not None:
        reading.stop_reason = reason
        reading.stop(choice.get("index"))


CHAT_COMPLETIONS: Final = Surface(read_document, read_event)
EMBEDDINGS: Final = Surface(read_embeddings, read_embeddings)
