"""Servers on loopback that take e-mails: a real SMTP server with moods, and an imitation of Resend's HTTP API."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Postbox:
    """Takes what the SMTP server receives, and answers as the test wants.

    Attributes:
        taken: messages in the order they came.
        moods: answers to the next recipients and messages, one each: an SMTP answer, or `drop`.
    """

    taken: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str | None, list[str]]] = field(default_factory=list)
    rcpt_moods: list[str] = field(default_factory=list)
    data_moods: list[str] = field(default_factory=list)
    on_data: Callable[[], None] = lambda: None
    port: int = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt_moods:
            return self.rcpt_moods.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.on_data()
        mood = self.data_moods.pop(0) if self.data_moods else "250 OK"
        if mood.startswith(("250", "drop")):
            assert isinstance(envelope.content, bytes)
            message = message_from_bytes(envelope.content, policy=policy.default)
            self.taken.append(message)
            self.envelopes.append((envelope.mail_from, list(envelope.rcpt_tos)))
        if mood == "drop":
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return mood


@contextmanager
def smtp_server(postbox: Postbox, **options: Any) -> Iterator[Postbox]:
    """Serve the postbox on a free port of loopback."""
    loop = asyncio.new_event_loop()

    async def serve() -> asyncio.Server:
        return await loop.create_server(lambda: SMTP(postbox, loop=loop, **options), "127.0.0.1", 0)

    server = loop.run_until_complete(serve())
    postbox.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield postbox
    finally:

        async def stop() -> None:
            server.close()
            for task in asyncio.all_tasks(loop) - {asyncio.current_task(loop)}:
                task.cancel()
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(stop(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


@dataclass
class Answer:
    """One answer of the HTTP API; `after_taking` answers so although the message was taken."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    after_taking: bool = False
    hang_up: bool = False


@dataclass
class FakeResend:
    """Resend as documented: one call, a bearer key, and idempotency keys.

    Attributes:
        taken: messages that would be delivered, once per key.
        calls: headers and message of every call.
        answers: what to answer to the next calls instead of taking them.
    """

    api_key: str = "re_test_key"
    taken: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    url: str = ""

    def respond(self, path: str, headers: dict[str, str], message: dict[str, Any]) -> Answer:
        self.calls.append((headers, message))
        if path != "/emails":
            return Answer(404, {"name": "not_found"})
        if headers.get("authorization") != f"Bearer {self.api_key}":
            return Answer(403, {"name": "invalid_api_key", "message": "API key is invalid"})
        wanted = self.answers.pop(0) if self.answers else Answer(200)
        if wanted.status == 200 or wanted.after_taking:
            key = headers["idempotency-key"]
            if self.taken.setdefault(key, message) != message:
                return Answer(409, {"name": "invalid_idempotent_request"})
            wanted.body = wanted.body or {"id": key}
        return wanted


@contextmanager
def resend_api(resend: FakeResend) -> Iterator[FakeResend]:
    """Serve the imitation on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["content-length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = resend.respond(self.path, headers, message)
            if answer.hang_up:
                self.close_connection = True
                return
            body = json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    resend.url = f"resend+http://{resend.api_key}@127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield resend
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
