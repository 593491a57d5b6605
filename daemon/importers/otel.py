"""Files of OTLP traces: what a collector's file exporter writes, one JSON request a line, or one protobuf request.

Belongs here: files. Does not belong here: what spans mean (`daemon.otlp`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from daemon.importers.draft import BadLine, Billing, Draft, billing_basis
from daemon.otlp.spans import OtlpResult, UnreadableRequest, calls_of

_GZIP = b"\x1f\x8b"


class OtelLines:
    """Reads one file of JSON requests."""

    def __init__(self, state: bytes | None, billing: Billing) -> None:  # noqa: ARG002 - lines do not depend on each other
        """Begin; there is nothing to go on from."""
        self._billing: Billing = billing

    waiting = 0
    """Every call is complete when it is told."""

    def state(self) -> bytes:
        """Return nothing: lines do not depend on each other."""
        return b""

    def quiet(self, now_us: int) -> Sequence[Draft]:  # noqa: ARG002 - the interface is that of readers who hold calls back
        """Return nothing: no call is held back."""
        return ()

    def line(self, raw: bytes) -> Sequence[Draft]:
        """Return the calls of a request.

        Raises:
            BadLine: it is none, or none of its spans can be read.
        """
        try:
            result = calls_of(raw, "application/json", None)
        except UnreadableRequest as error:
            raise BadLine(str(error)) from error
        if result.rejected and not result.calls:
            raise BadLine(result.reason)
        return list(_drafts(result, self._billing))


def otel_document(content: bytes, as_of_us: int, billing: Billing) -> Iterator[Draft | BadLine]:  # noqa: ARG001 - the interface of document readers
    """Yield the calls of a request that fills the whole file: protobuf, or JSON on several lines; also compressed."""
    why = ""
    encoding = "gzip" if content.startswith(_GZIP) else None
    for content_type in ("application/json", "application/x-protobuf"):
        try:
            result = calls_of(content, content_type, encoding)
        except UnreadableRequest as error:
            why = str(error)
            continue
        yield from _drafts(result, billing)
        yield from (BadLine("a span without believable ids or times") for _ in range(result.rejected))
        return
    yield BadLine(why)


def _drafts(result: OtlpResult, billing: Billing) -> Iterator[Draft]:
    basis = billing_basis(billing, None)
    for call in result.calls:
        yield Draft(call=msgspec.structs.replace(call, billing_basis=basis))
