"""What a request asks for, and how much text it has.

Belongs here: model, stream, fingerprint of the request, and the text that an estimate is made of. Does not belong here:
anything of the text itself, which is read and let go.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from daemon.capture.providers.bounded import Bounded
from daemon.capture.providers.decoding import DecodingError, decoder_of
from daemon.capture.providers.ends import from_ends
from daemon.capture.providers.fields import BROKEN, decoded, mapping, name, size

REQUEST_MAX: Final = 32 * 1024 * 1024
"""Longest request that is read, bytes; of a longer one the fingerprint and the text stay unknown."""
BYTES_PER_TOKEN: Final = 4
"""Bytes of UTF-8 to a token, roughly, in most languages: what estimates are made with."""

_TEXTUAL: Final = (
    "messages",
    "system",
    "tools",
    "input",
    "instructions",
    "prompt",
    "contents",
    "content",
    "systemInstruction",
    "system_instruction",
    "requests",
)
# Not read by a model as text: names, and media in base64.
_NO_TEXT: Final = frozenset(
    {
        "type",
        "role",
        "id",
        "model",
        "cache_control",
        "data",
        "url",
        "image_url",
        "file_data",
        "inlineData",
        "inline_data",
        "signature",
        "encrypted_content",
        "thoughtSignature",
        "mimeType",
        "mime_type",
        "media_type",
        "call_id",
        "tool_call_id",
        "tool_use_id",
        "taskType",
    }
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, read.

    Attributes:
        model: as asked for.
        streamed: whether a stream is asked for.
        alternatives: how many answers are asked for.
        prompt_hash: SHA-256 in hex of the request's canonical JSON: keys sorted, no spaces, UTF-8.
        text_bytes: text a model reads, bytes of UTF-8; None when the request could not be read.
    """

    model: str | None = None
    streamed: bool = False
    alternatives: int = 1
    prompt_hash: str | None = None
    text_bytes: int | None = None


def read_request(body: Bounded, content_encoding: str | None = None) -> Asked:
    """Return what `body` asks for; of one that is no JSON object, nothing is known."""
    try:
        body = _undone(body, content_encoding)
    except DecodingError:
        return Asked()
    if body.cut:
        ends = from_ends(*body.ends())
        return Asked(model=name(ends.get("model")), streamed=ends.get("stream") is True)
    request = decoded(body.whole())
    if not isinstance(request, dict):
        return Asked()
    asked_for = request.get("n")
    return Asked(
        model=name(request.get("model")),
        streamed=request.get("stream") is True,
        alternatives=asked_for if type(asked_for) is int and asked_for > 0 else 1,
        prompt_hash=_fingerprint(request),
        text_bytes=_text_bytes([request.get(key) for key in _TEXTUAL]),
    )


def _undone(body: Bounded, content_encoding: str | None) -> Bounded:
    if not content_encoding or body.cut:
        return body
    undone = Bounded(REQUEST_MAX)
    for piece in decoder_of(content_encoding)(body.whole()):
        undone.append(piece)
    return undone


def tokens_in(text_bytes: int) -> int:
    """Return an estimate of the tokens in so much text, rounded up."""
    return -(-text_bytes // BYTES_PER_TOKEN)


def _fingerprint(request: dict[str, Any]) -> str | None:
    try:
        canonical = msgspec.json.encode(request, order="sorted")
    except BROKEN:
        return None
    return hashlib.sha256(canonical).hexdigest()


def _text_bytes(waiting: list[Any]) -> int:
    total = 0
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            total += size(value)
        elif isinstance(value, dict):
            waiting.extend(inner for key, inner in mapping(value).items() if key not in _NO_TEXT)
        elif isinstance(value, list):
            waiting.extend(value)
        elif type(value) is int:
            total += BYTES_PER_TOKEN  # text that comes as the numbers of its tokens
    return total
