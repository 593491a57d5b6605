"""Who may ask the loopback API, and how much."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator

import pytest

from daemon.config import CloudConfig, Config, CorsConfig
from daemon.service.guard import allowed_origins
from daemon.service.loopback import BODY_MAX, Answer, Asked, LoopbackServer, json_answer

ALLOWED = "https://meter.example.com"


def broken(_: Asked) -> Answer:
    raise ValueError("secret")


@pytest.fixture
def port() -> Iterator[int]:
    routes = {
        ("GET", "/health"): lambda _: json_answer({"status": "ok"}),
        ("POST", "/echo"): lambda asked: Answer(body=asked.body),
        ("GET", "/broken"): broken,
    }
    stop = threading.Event()
    with LoopbackServer(0, routes, allowed=lambda: frozenset({ALLOWED})) as server:
        thread = threading.Thread(target=server.serve, args=(stop,))
        thread.start()
        yield server.port
        stop.set()
        thread.join()


def ask(port: int, raw: str) -> tuple[int, dict[str, str], bytes]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(raw.replace("PORT", str(port)).replace("\n", "\r\n").encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


@pytest.mark.parametrize("host", ["127.0.0.1:PORT", "localhost:PORT", "LOCALHOST:PORT", "[::1]:PORT"])
def test_programs_of_this_machine_may_ask(port: int, host: str) -> None:
    status, headers, body = ask(port, f"GET /health HTTP/1.1\nHost: {host}\n\n")
    assert (status, body) == (200, b'{"status":"ok"}')
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "lines",
    [
        "Host: evil.example:PORT",
        "Host: 127.0.0.1",
        "Host: 127.0.0.1.evil.example:PORT",
        "X-Nothing: 1",
        "Host: 127.0.0.1:PORT\nHost: evil.example",
        "Host: 127.0.0.1:PORT\nOrigin: https://evil.example",
        "Host: 127.0.0.1:PORT\norigin: https://evil.example",
        "Host: 127.0.0.1:PORT\nOrigin: null",
        "Host: 127.0.0.1:PORT\nOrigin: https://meter.example.com.evil.example",
        "Host: 127.0.0.1:PORT\nOrigin: http://meter.example.com",
        "Host: 127.0.0.1:PORT\nOrigin: https://meter.example.com:8443",
        "Host: 127.0.0.1:PORT\nOrigin: https://meter.example.com\nOrigin: https://evil.example",
        "Host: 127.0.0.1:PORT\nSec-Fetch-Site: cross-site",
    ],
)
@pytest.mark.parametrize("line", ["GET /health HTTP/1.1", "POST /echo HTTP/1.1\nContent-Length: 0"])
def test_pages_of_other_sites_may_not_by_any_name(port: int, line: str, lines: str) -> None:
    status, headers, body = ask(port, f"{line}\n{lines}\n\n")
    assert status == 403
    assert b"ok" not in body
    assert "access-control-allow-origin" not in headers


def test_pages_of_allowed_origins_may_and_browsers_are_told(port: int) -> None:
    host = "Host: 127.0.0.1:PORT\n"
    status, headers, _ = ask(port, f"GET /health HTTP/1.1\n{host}Origin: {ALLOWED}\n\n")
    assert (status, headers["access-control-allow-origin"], headers["vary"]) == (200, ALLOWED, "Origin")
    wish = "Access-Control-Request-Method: POST\nAccess-Control-Request-Private-Network: true\n"
    status, headers, _ = ask(port, f"OPTIONS /echo HTTP/1.1\n{host}Origin: {ALLOWED}\n{wish}\n")
    assert status == 204
    assert headers["access-control-allow-private-network"] == "true"
    assert headers["access-control-allow-methods"] == "GET, POST"


@pytest.mark.parametrize(
    ("request_lines", "status"),
    [
        ("GET /nothing HTTP/1.1", 404),
        ("GET /echo HTTP/1.1", 405),
        ("GET /broken HTTP/1.1", 500),
        (f"POST /echo HTTP/1.1\nContent-Length: {BODY_MAX + 1}", 413),
        ("POST /echo HTTP/1.1\nContent-Length: -5", 413),
        ("POST /echo HTTP/1.1\nContent-Length: many", 400),
        ("POST /echo HTTP/1.1\nTransfer-Encoding: chunked", 411),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_sentence(port: int, request_lines: str, status: int) -> None:
    answered, _, body = ask(port, f"{request_lines}\nHost: 127.0.0.1:PORT\n\n")
    assert answered == status
    assert b"error" in body
    assert b"secret" not in body


def test_the_paired_cloud_and_named_origins_are_allowed() -> None:
    assert allowed_origins(Config()) == {"http://localhost:3000"}
    cloud = CloudConfig(enabled=True, base_url="https://Meter.example.com:443/prefix/")
    assert allowed_origins(Config(cloud=cloud)) == {"http://localhost:3000", "https://meter.example.com"}
    named = CorsConfig(allow_origins=["https://own.example:8443", "nonsense"])
    assert allowed_origins(Config(cors=named)) == {"https://own.example:8443"}
