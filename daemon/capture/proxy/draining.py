"""HTTP/2 connections that a provider is about to close: what runs on them may end, new requests go elsewhere.

Belongs here: the orderly farewell of HTTP/2 (GOAWAY without an error), at which mitmproxy would break off every call on
the connection. Does not belong here: all other reading of connections (`layers`).

Servers say it after so many requests, and before they are restarted.
"""

# pyright: reportMissingImports=false
# mitmproxy pins old libraries and is installed beside the server's environment, not in it (extra `capture`).

from __future__ import annotations

from typing import Any

from h2.errors import ErrorCodes
from h2.events import StreamReset
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import _http2
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection


class DrainingH2Connection(BufferedH2Connection):
    """Reads a provider's farewell as what it is.

    Attributes:
        draining: whether the provider takes no more requests here.
    """

    draining = False

    def _receive_goaway_frame(self, frame: Any) -> tuple[list[Any], list[Any]]:
        if not self.config.client_side or frame.error_code != ErrorCodes.NO_ERROR or not self.open_outbound_streams:
            return super()._receive_goaway_frame(frame)
        self.draining = True
        return [], [_refused(number) for number in self.streams if number > frame.last_stream_id]


def _refused(stream_id: int) -> StreamReset:
    event = object.__new__(StreamReset)  # its constructor differs between versions of the library
    event.stream_id, event.error_code, event.remote_reset = stream_id, ErrorCodes.REFUSED_STREAM, True
    return event


def drain_in_order() -> None:
    """Make mitmproxy read farewells so; once for all connections of the process."""
    _http2.BufferedH2Connection = DrainingH2Connection


def is_draining(reads: Layer) -> bool:
    """Return whether the provider takes no more requests on a connection, given the first layer that reads it."""
    last = reads.context.layers[-1]
    return isinstance(last, _http2.Http2Client) and getattr(last.h2_conn, "draining", False)
