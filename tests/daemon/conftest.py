"""A cloud made of scripted answers, on a real loopback socket."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass(frozen=True)
class Answer:
    """What to answer: a status, a body (JSON unless bytes), headers; or nothing at all."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class FakeCloud:
    """Answers each path from its script; the last answer of a script is repeated."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._scripts: dict[tuple[str, str], list[Answer | Callable[[Seen], Answer]]] = {}
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                cloud._serve(self)

            do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - names of http.server

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def script(self, method: str, path: str, *answers: Answer | Callable[[Seen], Answer]) -> None:
        self._scripts[method, path] = list(answers)

    def requests(self, path: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.path.split("?")[0] == path]

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        raw = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        if handler.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        seen = Seen(handler.command, handler.path, headers, json.loads(raw) if raw else None)
        self.seen.append(seen)
        script = self._scripts.get((seen.method, seen.path.split("?")[0]), [Answer(404, {"detail": "Not Found"})])
        answer = script.pop(0) if len(script) > 1 else script[0]
        self._write(handler, answer(seen) if callable(answer) else answer)

    @staticmethod
    def _write(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        if answer.hang_up:
            handler.close_connection = True
            return
        body = answer.body if isinstance(answer.body, bytes) else b""
        if answer.body is not None and not isinstance(answer.body, bytes):
            body = json.dumps(answer.body).encode()
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if "Content-Length" in answer.headers:
            handler.close_connection = True  # it promises more than it sends
        elif answer.status != 204:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


def receipt_for(seen: Seen) -> Answer:
    """Answer a batch as a cloud does that has never seen any of it, repeats within the batch aside."""
    ids = [record["id"] for record in seen.body["records"]]
    repeats = len(ids) - len(set(ids))
    counts = {"received": len(ids), "accepted": len(ids) - repeats, "duplicates": repeats}
    return Answer(200, {"batch_id": seen.body["batch_id"], **counts, "withheld": [], "quarantined": []})


WHOAMI = {
    "workspace_name": "Acme Co",
    "workspace_id": "6f9d7c1e-0000-4000-8000-000000000001",
    "machine_id": "6f9d7c1e-0000-4000-8000-000000000002",
    "hostname": "vk.local",
    "daemon_version": "0.1.0",
    "connected_at": "2026-11-21T10:00:00Z",
    "state": "ACTIVE",
}
STARTED = {
    "pairing_code": "WXJ4-9KMP",
    "poll_token": "secret-poll",
    "pairing_url": "http://127.0.0.1/connect?code=WXJ4-9KMP",
    "expires_at": "2026-11-21T10:10:00Z",
}
APPROVED = {
    "status": "approved",
    "api_key": "hm_sync_secret",
    "workspace_id": WHOAMI["workspace_id"],
    "workspace_name": WHOAMI["workspace_name"],
    "machine_id": WHOAMI["machine_id"],
    "approved_by": "vk@acme.example",
}


class Kit:
    """What tests of this folder build scripts from."""

    answer = Answer
    receipt_for = staticmethod(receipt_for)
    whoami = WHOAMI
    started = STARTED
    approved = APPROVED


@pytest.fixture
def kit() -> type[Kit]:
    return Kit


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    """A cloud that pairs at once and takes every batch, until a test scripts it otherwise."""
    fake = FakeCloud()
    fake.script("POST", "/v1/pairing/start", Answer(200, STARTED))
    fake.script("POST", "/v1/pairing/poll", Answer(200, APPROVED))
    fake.script("GET", "/v1/daemon/whoami", Answer(200, WHOAMI))
    fake.script("POST", "/v1/pairing/revoke", Answer(204))
    fake.script("DELETE", "/v1/daemon/disconnect", Answer(204))
    fake.script("POST", "/v1/requests/batch", receipt_for)
    yield fake
    fake.stop()
