"""How connections are read: mitmproxy's protocol layers, made to pass everything on as it came.

Belongs here: which layer comes next on a connection, and what mitmproxy's own layers do that would alter a call. Does
not belong here: what is metered (`addon`), where gateway requests go (`routes`).
"""

# pyright: reportMissingImports=false
# mitmproxy pins old libraries and is installed beside the server's environment, not in it (extra `capture`).

from __future__ import annotations

from http import HTTPStatus
from typing import Final, Literal

from mitmproxy import http
from mitmproxy.connection import Server
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import commands, events, layer, tunnel
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http import (
    GetHttpConnection,
    HttpLayer,
    HTTPMode,
    HttpStream,
    RequestHeaders,
    RequestProtocolError,
    ResponseEndOfMessage,
    ResponseProtocolError,
    SendHttp,
)
from mitmproxy.proxy.layers.tcp import TCPLayer
from mitmproxy.proxy.layers.tls import HTTP_ALPNS, ClientTLSLayer, ServerTLSLayer

from daemon.capture.proxy.draining import is_draining

GATEWAY_HOST: Final = "gateway.halton-meter.invalid"
"""Destination of requests that name none (`POST /anthropic/v1/messages`): they are meant for the gateway."""
TUNNEL: Final = "halton_tunnel"
"""In a CONNECT flow's metadata: what follows is passed on unopened."""
BROKEN_BY: Final = "halton_broken_by"
"""In a flow's metadata: `client` or `upstream`, whichever ended the exchange early."""

_HTTP_START_MAX: Final = 16


class PassingStream(HttpStream):
    """One request and its answer."""

    def state_wait_for_request_headers(self, event: RequestHeaders) -> layer.CommandGenerator[None]:
        """Take a request without a destination for the gateway's, whatever its Host header says."""
        request = event.request.data
        if not request.host and request.method != b"CONNECT" and self.mode is not HTTPMode.transparent:
            request.host, request.port, request.scheme = GATEWAY_HOST, 80, b"http"
        yield from super().state_wait_for_request_headers(event)

    def handle_protocol_error(
        self, event: RequestProtocolError | ResponseProtocolError
    ) -> layer.CommandGenerator[None]:
        """Note who ended the exchange: the hook that follows is told only a text."""
        by: Literal["client", "upstream"] = "client" if isinstance(event, RequestProtocolError) else "upstream"
        self.flow.metadata.setdefault(BROKEN_BY, by)
        yield from super().handle_protocol_error(event)

    def handle_connect_regular(self) -> layer.CommandGenerator[None]:
        """Connect tunnels at once, so that servers which speak first are heard, and say so when it fails."""
        if not self.flow.metadata.get(TUNNEL):
            yield from super().handle_connect_regular()
            return
        error = yield commands.OpenConnection(self.context.server)
        if error:
            self.flow.response = http.Response.make(502, f"Cannot connect to {self.flow.request.host}: {error}\n")
        self.child_layer = TCPLayer(self.context, ignore=True)
        yield from self.handle_connect_finish()

    def flow_done(self) -> layer.CommandGenerator[None]:
        """Pass on the bytes of a changed protocol (WebSockets) without reading, keeping or framing them again."""
        if self.flow.response is None or self.flow.response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            yield from super().flow_done()
            return
        self.flow.live = False
        self.child_layer = TCPLayer(self.context, ignore=True)
        self._handle_event = self.passthrough
        yield from self.child_layer.handle_event(events.Start())
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)


class PassingHttpLayer(HttpLayer):
    """HTTP on one client connection."""

    def __init__(self, context: Context, mode: HTTPMode) -> None:
        super().__init__(context, mode)
        self._told: set[Server] = set()

    def make_stream(self, stream_id: int) -> layer.CommandGenerator[None]:
        """Make streams of our own kind."""
        self.streams[stream_id] = PassingStream(self.context.fork(), stream_id)
        yield from self.event_to_child(self.streams[stream_id], events.Start())

    def get_connection(self, event: GetHttpConnection, *, reuse: bool = True) -> layer.CommandGenerator[None]:
        """Leave connections alone that the provider is closing, and failures that are over.

        mitmproxy remembers that a provider could not be reached for as long as the client's connection lasts, which
        with HTTP/2 is for ever.
        """
        for server in [self.context.server, *self.connections]:
            if isinstance(server, Server) and server.error and event.connection_spec_matches(server):
                if server in self._told:
                    self._forget(server)
                self._told.add(server)
        first = self._first_choice(event)
        closing = first is not None and is_draining(self.connections[first])
        yield from super().get_connection(event, reuse=reuse and not closing)

    def _first_choice(self, event: GetHttpConnection) -> Server | None:
        servers = [one for one in self.connections if isinstance(one, Server) and event.connection_spec_matches(one)]
        for server in servers:
            if is_draining(self.connections[server]):  # to the end: mitmproxy takes the first that fits
                self.connections[server] = self.connections.pop(server)
        return next((one for one in self.connections if one in servers), None)

    def _forget(self, server: Server) -> None:
        if server in self.connections and server not in self.waiting_for_establishment:
            del self.connections[server]
        if server is self.context.server:
            self.context.server = Server(address=server.address)
            self.context.server.sni, self.context.server.via = server.sni, server.via


def next_layer_of(context: Context, data: bytes) -> layer.Layer | None:
    """Return what reads a connection from here on, None when more of its first bytes are needed.

    Args:
        context: the layers so far.
        data: what the client has sent.
    """
    if len(context.layers) == 1:
        return _explicit_proxy(context, data)
    if _is_tunnel(context):
        return TCPLayer(context, ignore=True)
    if starts_like_tls_record(data):
        opened = ServerTLSLayer(context)
        opened.child_layer = ClientTLSLayer(context)
        return opened
    start = data[:_HTTP_START_MAX]
    if context.client.alpn in HTTP_ALPNS or (b" " in start and start[:3].isalpha()):
        return PassingHttpLayer(context, HTTPMode.transparent)
    if len(data) < _HTTP_START_MAX and (start[:3].isalpha() or len(data) < len(b"\x16\x03\x01")):
        return None
    return TCPLayer(context, ignore=True)


def _explicit_proxy(context: Context, data: bytes) -> layer.Layer:
    stack = tunnel.LayerStack()
    if starts_like_tls_record(data):
        stack /= ClientTLSLayer(context)
    upstream = isinstance(context.layers[0], modes.HttpUpstreamProxy)
    stack /= PassingHttpLayer(context, HTTPMode.upstream if upstream else HTTPMode.regular)
    return stack[0]


def _is_tunnel(context: Context) -> bool:
    streams = [one for one in context.layers if isinstance(one, HttpStream)]
    return bool(streams and streams[-1].flow.metadata.get(TUNNEL))
