"""From the bytes of a leg to the text that may be kept of it.

Belongs here: undoing codings, telling text from anything else, the order of gathering, redacting and cutting. Does not
belong here: which legs are kept and where (`keep`).
"""

from __future__ import annotations

import json
from typing import Final, NamedTuple, Protocol

from daemon.bodies.redaction import redact, without_last_word
from daemon.bodies.streams import gathered
from daemon.capture.providers.decoding import DecodingError, decoder_of

_TEXTS: Final = ("text/", "application/json", "application/x-ndjson", "application/xml")
_NUL_SHARE: Final = 64


class Leg(Protocol):
    """One direction of an exchange, as it passed; see `daemon.capture.proxy.captured.BodyLeg`."""

    @property
    def direction(self) -> str:
        """`request` or `response`."""
        ...

    @property
    def content_type(self) -> str | None:
        """Header of that name."""
        ...

    @property
    def content_encoding(self) -> str | None:
        """Header of that name."""
        ...

    @property
    def content(self) -> bytes:
        """As it passed, possibly cut."""
        ...

    @property
    def size_bytes(self) -> int:
        """Of all that passed."""
        ...


class Keepable(NamedTuple):
    """What may be kept of a leg.

    Attributes:
        content_type: without parameters.
        text: redacted, at most as many bytes of UTF-8 as were asked for.
        removed: what was taken out, `cut` among it when the end is missing.
    """

    content_type: str
    text: str
    removed: tuple[str, ...]


def read_limit(max_bytes: int) -> int:
    """Return how many bytes of a leg are worth reading when `max_bytes` of its text are kept.

    Events of a stream are many times as long as the text they carry.
    """
    return min(max(4 * max_bytes, 1 << 16), 1 << 24)


def keepable(leg: Leg, max_bytes: int) -> Keepable:
    """Return what may be kept of a leg; in place of what is no text, a line that says so."""
    content_type = (leg.content_type or "").partition(";")[0].strip().lower()[:100]
    if not (content_type.startswith(_TEXTS) or content_type.endswith("+json") or not content_type):
        return Keepable(content_type, f"[{leg.size_bytes} bytes that are no text]", ("binary",))
    try:
        content, is_whole = _decoded(leg, read_limit(max_bytes))
    except DecodingError:
        return Keepable(content_type, f"[{leg.size_bytes} bytes that could not be decoded]", ("undecoded",))
    text = _as_text(content)
    if not is_whole:
        text = without_last_word(text)
    kept, removed = redact(gathered(text, content_type) or text)
    encoded = kept.encode("utf-8", "replace")
    if len(encoded) > max_bytes:
        is_whole, encoded = False, encoded[:max_bytes]
    return Keepable(content_type, encoded.decode("utf-8", "ignore"), removed if is_whole else (*removed, "cut"))


def _decoded(leg: Leg, limit: int) -> tuple[bytes, bool]:
    """Return the content with its coding undone, and whether it is all there."""
    decode = decoder_of(leg.content_encoding)
    content = bytearray()
    for piece in decode(leg.content):
        content += piece
        if len(content) > limit:
            return bytes(content[:limit]), False
    return bytes(content), leg.size_bytes <= len(leg.content)


def _as_text(content: bytes) -> str:
    # JSON may be UTF-16, of which every other byte is zero: as UTF-8, its keys would look like none.
    encoding = json.detect_encoding(content) if b"\0" in content[:_NUL_SHARE] else "utf-8"
    return content.decode(encoding, "replace")
