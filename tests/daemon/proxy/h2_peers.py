"""HTTP/2 on both sides of a proxy, in an environment that has a library for it; prints what arrived, as JSON.

Belongs here: an upstream and a client of HTTP/2, and one exchange with and one without a proxy between them. Does not
belong here: what is to be expected of it (`test_http2`).
"""

# pyright: reportMissingImports=false
# It runs where mitmproxy is installed, which brings the library.

from __future__ import annotations

import base64
import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
from hyperframe.frame import GoAwayFrame

from daemon.attribution.caller import NOBODY
from daemon.capture.proxy.captured import CapturedCall
from daemon.capture.proxy.server import Proxy, ProxySettings
from daemon.clock import SystemClock

Headers = list[tuple[bytes, bytes]]
STREAMS = 12
BODY = bytes(range(256)) * 1024
ANSWER: Headers = [(b":status", b"200"), (b"content-type", b"text/event-stream"), (b"request-id", b"req_\xff")]
TRAILERS: Headers = [(b"x-checksum", b"1")]
PIECES = [b"data: %d\n\n" % n * 500 for n in range(9)] + [b"data: [DONE]\n\n"]


class Peer:
    """One end: feeds the library, keeps what arrives by stream."""

    def __init__(self, connection: ssl.SSLSocket, *, client: bool) -> None:
        self._socket = connection
        config = h2.config.H2Configuration(client_side=client, header_encoding=False)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.heads: dict[int, Headers] = {}
        self.bodies: dict[int, bytes] = {}
        self.trailers: dict[int, Headers] = {}
        self.ended: set[int] = set()
        self.flush()

    def flush(self) -> None:
        self._socket.sendall(self.h2.data_to_send())

    def say(self, frame: bytes) -> None:
        """Send a frame that the library would take for the end."""
        self._socket.sendall(frame)

    def send(self, stream: int, data: bytes, *, end: bool) -> None:
        """Send as much at a time as the other side allows."""
        while data:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if room == 0:
                self.read()
                continue
            self.h2.send_data(stream, data[:room])
            self.flush()
            data = data[room:]
        if end:
            self.h2.end_stream(stream)
            self.flush()

    def read(self) -> bool:
        """Take in what comes; False at the end."""
        data = self._socket.recv(65_536)
        if not data:
            return False
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.RequestReceived | h2.events.ResponseReceived):
                self.heads[event.stream_id] = [tuple(header) for header in event.headers]
                self.bodies[event.stream_id] = b""
            elif isinstance(event, h2.events.DataReceived):
                self.bodies[event.stream_id] += event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.TrailersReceived):
                self.trailers[event.stream_id] = [tuple(header) for header in event.headers]
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(event.stream_id)
        self.flush()
        return True


class Upstream:
    """Answers every request with the same stream; interleaves those that run at once."""

    def __init__(self, leaf: Path, port: int = 0) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(leaf)
        self._context.set_alpn_protocols(["h2", "http/1.1"])
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self.peers: list[Peer] = []
        self.together = STREAMS
        self.says_farewell = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            peer = Peer(self._context.wrap_socket(connection, server_side=True), client=False)
            self.peers.append(peer)
            while len(peer.ended) < self.together:
                if not peer.read():
                    return
            for stream in peer.ended:
                peer.h2.send_headers(stream, ANSWER)
            for number, piece in enumerate(PIECES):
                for stream in sorted(peer.ended):
                    peer.send(stream, piece, end=False)
                if number == 1 and self.says_farewell:
                    peer.say(GoAwayFrame(last_stream_id=max(peer.ended)).serialize())
            for stream in sorted(peer.ended):
                peer.h2.send_headers(stream, TRAILERS, end_stream=True)
            peer.flush()
            while peer.read():
                pass
        except OSError:
            return


def exchange(
    connection: socket.socket,
    roots: str,
    authority: bytes,
    rounds: int = 1,
    count: int = STREAMS,
    between: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Ask a dozen times at once on one connection, so many rounds; return what was answered."""
    context = ssl.create_default_context(cafile=roots)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with context.wrap_socket(connection, server_hostname="localhost") as tls:
        if tls.selected_alpn_protocol() != "h2":
            return {"alpn": tls.selected_alpn_protocol()}
        peer = Peer(tls, client=True)
        head: Headers = [(b":method", b"POST"), (b":scheme", b"https"), (b":path", b"/v1/responses?x=%C3%A9")]
        head += [(b":authority", authority), (b"authorization", b"Bearer no"), (b"x-n", b"2"), (b"x-n", b"1\xff")]
        for _ in range(rounds):
            streams = [peer.h2.get_next_available_stream_id() + 2 * n for n in range(count)]
            for stream in streams:
                peer.h2.send_headers(stream, head)
            for stream in streams:
                peer.send(stream, BODY[: len(BODY) // stream], end=True)
            while not set(streams) <= peer.ended and peer.read():
                pass
            between()
        return {"alpn": "h2", **seen(peer)}


def seen(peer: Peer) -> dict[str, Any]:
    """What arrived, in the order of streams: their numbers are each connection's own."""

    def text(headers: Headers) -> list[list[str]]:
        return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]

    order = sorted(peer.heads, key=lambda stream: (len(peer.bodies[stream]), stream), reverse=True)
    return {
        "heads": [text(peer.heads[stream]) for stream in order],
        "bodies": [base64.b64encode(peer.bodies[stream]).decode() for stream in order],
        "trailers": [text(peer.trailers.get(stream, [])) for stream in order],
    }


def through(
    proxy_port: int,
    port: int,
    roots: str,
    rounds: int = 1,
    count: int = STREAMS,
    between: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    connection = socket.create_connection(("127.0.0.1", proxy_port), 20)
    connection.sendall(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % port)
    while b"\r\n\r\n" not in connection.recv(65_536):
        pass
    return exchange(connection, roots, b"localhost:%d" % port, rounds, count, between)


def main() -> None:
    leaf, roots, folder = sys.argv[1:]
    upstream = Upstream(Path(leaf))
    direct = exchange(
        socket.create_connection(("127.0.0.1", upstream.port), 20), roots, b"localhost:%d" % upstream.port
    )
    calls: list[CapturedCall] = []
    settings = ProxySettings(Path(folder), port=0, hosts={"localhost": "openai"}, upstream_ca=Path(roots))
    find: Callable[..., Any] = lambda *_: NOBODY  # noqa: E731 - the type is the point
    proxy = Proxy(settings, on_call=calls.append, clock=SystemClock(), find_caller=find)
    port, own_roots = proxy.start(), str(Path(folder) / "halton-meter-ca.pem")
    proxied = through(port, upstream.port, own_roots)
    at_upstream = [seen(peer) for peer in upstream.peers if peer.heads]
    upstream.says_farewell = True
    farewell = through(port, upstream.port, own_roots, rounds=2)
    free = socket.create_server(("127.0.0.1", 0))
    later = free.getsockname()[1]
    free.close()
    appeared: list[Upstream] = []

    def appearing() -> None:
        if not appeared:
            appeared.append(Upstream(Path(leaf), later))
            appeared[0].together = 1

    absent = through(port, later, own_roots, rounds=2, count=1, between=appearing)
    waited = time.monotonic() + 10
    while len(calls) < 3 * STREAMS + 2 and time.monotonic() < waited:
        time.sleep(0.01)
    proxy.stop()
    told = {"client": [direct, proxied], "upstream": at_upstream, "farewell": farewell, "absent": absent}
    told["outcomes"] = [[call.metered.http_status, call.metered.error_class] for call in calls]
    print(json.dumps(told))  # noqa: T201 - its output


if __name__ == "__main__":
    main()
