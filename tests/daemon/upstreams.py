"""Fake providers on real loopback sockets: HTTP/1.1, plain or TLS, answering as scripted or with the samples.

An `Upstream` keeps the very bytes it was sent, and sends the very pieces it was told to, each on its own.
"""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import struct
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Self

from tests.daemon.upstreams_samples import SAMPLES, Sample
from tests.daemon.upstreams_shapes import EVENTS, JSON, compact

PATIENCE = 20.0
"""Longest wait for anything, seconds."""


def encoded(body: bytes, coding: str) -> bytes:
    """`body` in a content coding; br and zstd come with the libraries that the daemon would undo them with."""
    if coding == "gzip":
        return gzip.compress(body, mtime=0)
    if coding == "deflate":
        return zlib.compress(body)
    if coding == "br":
        return import_module("brotli").compress(body, quality=4)
    if coding == "zstd":
        return import_module("zstandard").compress(body)
    raise ValueError(coding)


@dataclass
class Reply:
    """What to answer, and how to end.

    Attributes:
        pieces: of the body, each sent on its own; chunked unless `length` or the headers say otherwise.
        length: of a body that is announced, where the pieces are not counted (bodies too long to be held).
        before: called with a piece's number before it is sent: to wait for a gate, to note a time.
        ending: after the last piece: `whole`, `reset` (connection torn down), `close` (closed in the middle) or
            `hang` (silent until the upstream stops or the other side goes away).
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pieces: Iterable[bytes] = ()
    length: int | None = None
    before: Callable[[int], None] | None = None
    ending: str = "whole"

    @classmethod
    def document(cls, body: Any, status: int = 200, coding: str | None = None, **headers: str) -> Reply:
        """One object, or bytes, with its length."""
        raw = body if isinstance(body, bytes) else compact(body)
        sent = {"content-type": JSON} | {name.replace("_", "-"): value for name, value in headers.items()}
        if coding is not None:
            raw, sent["content-encoding"] = encoded(raw, coding), coding
        return cls(status, sent, (raw,), length=len(raw))

    @classmethod
    def stream(cls, pieces: Iterable[bytes], ending: str = "whole", **headers: str) -> Reply:
        """Events, chunked."""
        sent = {"content-type": EVENTS}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(200, sent, pieces, ending=ending)

    @classmethod
    def of(cls, sample: Sample) -> Reply:
        """A sample's answer: in one piece with its length, or as its stream."""
        headers = {"content-type": sample.content_type, **sample.headers}
        length = None if sample.streamed else len(sample.body)
        return cls(200, headers, sample.pieces, length=length)


@dataclass
class Received:
    """A request, byte for byte.

    Attributes:
        raw: all its bytes, framing included.
        body: without framing.
        gone: set when the other side went away before the answer's end.
        answered: set when all that was scripted has been sent.
    """

    method: str
    target: str
    headers: list[tuple[str, str]]
    raw: bytes
    body: bytes
    gone: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


def as_sampled(request: Received) -> Reply:
    """The sample for a request's path, streamed if it asks for that; 404 as providers say it when there is none."""
    asked = json.loads(request.body) if request.body else {}
    wants_count = bool((asked.get("stream_options") or {}).get("include_usage"))
    model = str(asked.get("model", ""))
    for sample in SAMPLES.values():
        if _unversioned(sample.path) != _unversioned(request.target):
            continue
        if sample.request.get("stream", False) != asked.get("stream", False):
            continue
        if "?alt=sse" in sample.path and "alt=sse" not in request.target:
            continue
        if sample.provider == "openai" and wants_count != ("stream_options" in sample.request):
            continue
        if model.startswith("grok") == (sample.provider == "xai"):
            return Reply.of(sample)
    return Reply.document({"error": {"type": "not_found_error", "message": "no such thing"}}, status=404)


def _unversioned(target: str) -> str:
    """The path behind the version, which is `v1` or `v1beta` by the age of the SDK."""
    return target.partition("?")[0].lstrip("/").partition("/")[2]


class Upstream:
    """Serves until it is left; answers from the script, then from the samples.

    Attributes:
        requests: everything received, in the order in which requests came to their end.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, answer: Callable[[Received], Reply] = as_sampled) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        self._tls = tls
        self._answer = answer
        self._script: deque[Reply] = deque()
        self._stopping = threading.Event()
        self._arrived = threading.Condition()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)

    @property
    def port(self) -> int:
        return self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def script(self, *replies: Reply) -> None:
        """Answer the next requests so, whatever they ask for."""
        self._script.extend(replies)

    def received(self, number: int = 1) -> Received:
        """The request of that number, waited for."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.requests) >= number, PATIENCE), "no request came"
            return self.requests[number - 1]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)

    def _start(self, run: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.add(connection)
            self._start(self._serve, connection)

    def _serve(self, plain: socket.socket) -> None:
        connection = plain
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connection = self._tls.wrap_socket(plain, server_side=True)
                self._open.add(connection)
            with connection.makefile("rb") as reader:
                while (request := _read_request(reader, connection)) is not None:
                    with self._arrived:
                        self.requests.append(request)
                        reply = self._script.popleft() if self._script else None
                        self._arrived.notify_all()
                    if not self._send(connection, request, reply or self._answer(request)):
                        return
        except (OSError, ValueError):
            return
        finally:
            self._open -= {connection, plain}
            connection.close()
            plain.close()

    def _send(self, connection: socket.socket, request: Received, reply: Reply) -> bool:
        """Send the reply; True when the connection may be used again."""
        chunked = reply.length is None
        framing = {"transfer-encoding": "chunked"} if chunked else {"content-length": str(reply.length)}
        head = "".join(f"{name}: {value}\r\n" for name, value in (reply.headers | framing).items())
        try:
            connection.sendall(f"HTTP/1.1 {reply.status} Said\r\n{head}\r\n".encode("latin-1"))
            for number, piece in enumerate(reply.pieces):
                if reply.before is not None:
                    reply.before(number)
                connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if reply.ending == "whole":
                connection.sendall(b"0\r\n\r\n" if chunked else b"")
                request.answered.set()
                return True
        except OSError:
            request.gone.set()
            return False
        request.answered.set()
        if reply.ending == "hang":
            self._hang(connection, request)
        elif reply.ending == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def _hang(self, connection: socket.socket, request: Received) -> None:
        connection.settimeout(0.05)
        while not self._stopping.is_set():
            try:
                if not connection.recv(1024):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            return
        request.gone.set()


def _read_request(reader: Any, connection: socket.socket) -> Received | None:
    raw = bytearray()

    def line() -> bytes:
        read = reader.readline(65_536)
        raw.extend(read)
        return read

    first = line()
    if not first.strip():
        return None
    method, target, _ = first.decode("latin-1").split(" ", 2)
    headers: list[tuple[str, str]] = []
    while (text := line().decode("latin-1").strip()) != "":
        name, _, value = text.partition(":")
        headers.append((name, value.strip()))
    known = {name.lower(): value for name, value in headers}
    if known.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = bytearray()
    if known.get("transfer-encoding", "").lower() == "chunked":
        while (size := int(line().split(b";")[0], 16)) > 0:
            body += reader.read(size)
            raw.extend(body[-size:])
            line()
        line()
    else:
        body += reader.read(int(known.get("content-length", 0)))
        raw.extend(body)
    return Received(method, target, headers, bytes(raw), bytes(body))
