"""An answer as it comes in: its coding undone, its framing cut, its objects handed to the surface.

Belongs here: which framing an answer has, and reading along. Does not belong here: what the objects say (the surfaces'
modules).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from daemon.capture.providers.bounded import Bounded
from daemon.capture.providers.chat_completions import CHAT_COMPLETIONS, EMBEDDINGS
from daemon.capture.providers.decoding import Decode, DecodingError, decoder_of
from daemon.capture.providers.ends import from_ends
from daemon.capture.providers.fields import decoded, header, name
from daemon.capture.providers.generate_content import EMBED_CONTENT, GENERATE_CONTENT
from daemon.capture.providers.json_array import ArrayStream
from daemon.capture.providers.messages import MESSAGES
from daemon.capture.providers.reading import Reading, Surface
from daemon.capture.providers.registry import Endpoint
from daemon.capture.providers.responses import RESPONSES
from daemon.capture.providers.sse import Event, EventStream

DOCUMENT_MAX: Final = 1024 * 1024
"""Longest answer in one piece that is decoded whole, bytes; of a longer one the ends are searched."""

_SURFACES: Final[Mapping[str, Surface]] = {
    "messages": MESSAGES,
    "chat.completions": CHAT_COMPLETIONS,
    "completions": CHAT_COMPLETIONS,
    "responses": RESPONSES,
    "embeddings": EMBEDDINGS,
    "generateContent": GENERATE_CONTENT,
    "embedContent": EMBED_CONTENT,
    "batchEmbedContents": EMBED_CONTENT,
}
_SPACE: Final = b" \t\r\n"
_MARK: Final = b"\xef\xbb\xbf"
_REDIRECTED: Final = 300


class Answer:
    """Reads one answer; never raises for what it reads.

    Attributes:
        status: of HTTP.
        reading: what it has said so far.
        request_id: the provider's name of the call, from the header.
        should_retry: the header by which a provider tells its clients whether to try again.
        error: the body of an answer with a bad status, decoded; None before its end.
        streamed: whether it comes as a stream; known from its first byte on.
    """

    def __init__(self, endpoint: Endpoint, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        self.reading = Reading(provider=endpoint.provider, service_tier=name(header(headers, "x-gemini-service-tier")))
        self.request_id = name(header(headers, "request-id")) or name(header(headers, "x-request-id"))
        self.should_retry = header(headers, "x-should-retry")
        self.error: Any = None
        self._surface = _SURFACES[endpoint.surface]
        self._gemini = endpoint.streamed
        self._events = (header(headers, "content-type") or "").strip().lower().startswith("text/event-stream")
        self._stream: EventStream | ArrayStream | None = None
        self._document = Bounded(DOCUMENT_MAX)
        self._framed = self._broken = False
        self._decode: Decode | None = None
        try:
            self._decode = decoder_of(header(headers, "content-encoding"))
        except DecodingError:
            self._broken = True

    @property
    def good(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < _REDIRECTED  # noqa: PLR2004 - the range that HTTP calls success

    @property
    def streamed(self) -> bool:
        """Whether it comes as a stream; known from its first byte on."""
        return self._stream is not None or (self._events and self.good)

    def feed(self, piece: bytes) -> None:
        """Read the next bytes, as received."""
        if self._decode is None:
            return
        try:
            for part in self._decode(piece):
                self._take(part)
        except DecodingError:
            self._decode = None
            self._broken = True

    def end(self, *, whole: bool) -> None:
        """Read what the answer ended with.

        Args:
            whole: whether all of it came: the end of one that broke off is not the object's own.
        """
        if self._stream is not None:
            self._read(self._stream.end())
        elif len(self._document) and ((whole and not self._broken) or not self._document.cut):
            self._read_document()

    def _take(self, part: bytes) -> None:
        if not self._framed:
            part = part.lstrip(_SPACE)
            if not part:
                return
            self._framed = True
            self._stream = self._framing(part)
        if self._stream is None:
            self._document.append(part)
        else:
            self._read(self._stream.feed(part))

    def _framing(self, first: bytes) -> EventStream | ArrayStream | None:
        if not self.good:
            return None
        if self._events:
            return EventStream()
        if first[:1] == b"[" and self._gemini:
            return ArrayStream()
        # Some servers name no type, or a wrong one; JSON is known by its first byte.
        return None if first[:1] in (b"{", b"[", _MARK[:1]) else EventStream()

    def _read(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.kind in self._surface.dull:
                continue
            if event.data == b"[DONE]":
                self.reading.done = True
                continue
            said = from_ends(event.data, event.data) if event.cut else decoded(event.data)
            if isinstance(said, dict):
                self._surface.event(self.reading, said)

    def _read_document(self) -> None:
        if self._document.cut:
            said: Any = from_ends(*self._document.ends())
        else:
            said = decoded(self._document.whole().removeprefix(_MARK))
        if not self.good:
            self.error = said
        elif isinstance(said, dict):
            self._surface.document(self.reading, said)
