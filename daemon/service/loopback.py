"""The loopback API: HTTP on 127.0.0.1, for a dashboard in the browser and for programs of this machine.

Belongs here: connections, limits, the checks before every answer. Does not belong here: who may ask (`guard`), what is
answered (`answers`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from daemon.service.guard import Verdict, judge

BODY_MAX: Final = 16 * 1024 * 1024
CONNECTIONS_MAX: Final = 64
_READ_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.1

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """A request that may be answered.

    Attributes:
        path: without its query.
        query: what follows the question mark.
        headers: as received, found by any case.
        body: at most `BODY_MAX` bytes.
    """

    path: str
    query: str
    headers: Message
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What to say."""

    status: int = 200
    body: bytes = b"{}"
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def json_answer(what: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Return `what` as JSON."""
    return Answer(status, msgspec.json.encode(what), headers=headers or {})


def refusal(status: int, sentence: str) -> Answer:
    """Return a refusal with its reason."""
    return json_answer({"error": sentence}, status)


Answering = Callable[[Asked], Answer]
Routes = Mapping[tuple[str, str], Answering]
"""Method and path to what answers."""


class LoopbackServer:
    """Serves routes on a port of 127.0.0.1. Use as a context manager."""

    def __init__(self, port: int, routes: Routes, *, allowed: Callable[[], frozenset[str]]) -> None:
        """Bind `port`, 0 for a free one.

        Args:
            port: to listen on.
            routes: what is answered.
            allowed: gives the origins whose pages may ask; asked anew each time.

        Raises:
            OSError: somebody else has the port.
        """
        self._http = _Server(port, routes, allowed)
        self.port: int = self._http.server_address[1]

    def serve(self, stop: threading.Event) -> None:
        """Answer until `stop` is set."""
        thread = threading.Thread(
            target=self._http.serve_forever, args=(_POLL_SECONDS,), name="api-accept", daemon=True
        )
        thread.start()
        stop.wait()
        self._http.shutdown()
        thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, port: int, routes: Routes, allowed: Callable[[], frozenset[str]]) -> None:
        self.routes = routes
        self.allowed = allowed
        self._room = threading.BoundedSemaphore(CONNECTIONS_MAX)
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.debug("a connection from %s to the loopback API broke: %r", client_address, request)


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride] - nobody else uses this handler
    protocol_version = "HTTP/1.1"
    server_version = "halton-meter"
    sys_version = ""
    timeout = _READ_SECONDS
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _any(self) -> None:
        verdict = judge(self.headers, self.server.server_address[1], self.server.allowed())
        if verdict.refusal is not None:
            self.close_connection = True  # its body is not read
            self._say(verdict, refusal(403, verdict.refusal))
        elif self.command == "OPTIONS":
            self._say(verdict, self._preflight(verdict))
        else:
            self._say(verdict, self._answered())

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _any  # noqa: N815 - http.server's

    def _answered(self) -> Answer:
        path, _, query = self.path.partition("?")
        method = "GET" if self.command == "HEAD" else self.command
        answering = self.server.routes.get((method, path))
        body = self._body()
        if isinstance(body, Answer):
            self.close_connection = True
            return body
        if answering is None:
            known = sorted({known for known, its_path in self.server.routes if its_path == path})
            return refusal(405, f"{' or '.join(known)} only") if known else refusal(404, "there is nothing here")
        try:
            return answering(Asked(path, query, self.headers, body))
        except Exception:
            logger.exception("%s %s failed", method, path)
            return refusal(500, "this failed; `halton-meter logs` says why")

    def _body(self) -> bytes | Answer:
        if self.headers.get("Transfer-Encoding"):
            return refusal(411, "send a Content-Length")
        try:
            size = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            return refusal(400, "Content-Length is no number")
        if not 0 <= size <= BODY_MAX:
            return refusal(413, f"at most {BODY_MAX} bytes")
        return self.rfile.read(size)

    def _preflight(self, verdict: Verdict) -> Answer:
        if verdict.origin is None:
            return refusal(400, "a preflight has an Origin")
        allow = {
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": "Content-Type",
            "Access-Control-Max-Age": "600",
        }
        if self.headers.get("Access-Control-Request-Private-Network") == "true":
            allow["Access-Control-Allow-Private-Network"] = "true"
        return Answer(204, b"", headers=allow)

    def _say(self, verdict: Verdict, answer: Answer) -> None:
        self.send_response(answer.status)
        fixed = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        for name, value in {**fixed, **verdict.headers(), **answer.headers}.items():
            self.send_header(name, value)
        if answer.status != 204:  # noqa: PLR2004 - No Content
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ARG002 - http.server's names
        return
