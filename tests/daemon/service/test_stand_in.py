"""The forwarder that stands in for the daemon."""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemon.config import CaptureConfig, Config
from daemon.service.direct import Direct
from daemon.service.runner import Forwarder
from daemon.service.stand_in import StandIn
from tests.daemon.upstreams import Reply, Upstream
from tests.daemon.upstreams_tls import serving_as

CERTIFIED = "localhost"
NOBODYS = 1
"""A port on which nobody listens."""
SAID = b'{"said":"yes"}'


@contextmanager
def standing_in(config: Config, daemon_port: int = NOBODYS) -> Iterator[tuple[int, Forwarder]]:
    forwarder = Forwarder(config, daemon_port)
    with forwarder as port:
        yield port, forwarder


def leading_to(upstream: Upstream, path: str = "") -> Config:
    return Config(capture=CaptureConfig(upstreams={"anthropic": upstream.url + path}))


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(answer=lambda _: Reply.document({"said": "yes"})) as upstream:
        yield upstream


def test_the_gateway_leads_to_the_provider_with_the_request_as_it_was(upstream: Upstream) -> None:
    body = bytes(range(256)) * 4000
    with standing_in(leading_to(upstream, "/base/")) as (port, forwarder):
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}/anthropic/v1/messages?beta=true",
            body,
            {"X-Api-Key": "key", "X-Halton-Project": "acme", "Content-Type": "application/octet-stream"},
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310 - an address of this test
            assert answer.read() == SAID
        assert forwarder.passed == 1
    got = upstream.received()
    assert (got.target, got.body) == ("/base/v1/messages?beta=true", body)
    assert got.header("host") == f"127.0.0.1:{upstream.port}"
    assert got.header("x-api-key") == "key"
    assert got.header("x-halton-project") is None


def test_a_tunnel_leads_to_the_real_certificate(tmp_path: Path) -> None:
    context, roots = serving_as(tmp_path, CERTIFIED)
    with (
        Upstream(context, answer=lambda _: Reply.document({"said": "yes"})) as upstream,
        standing_in(Config()) as (port, _),
    ):
        connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=10, context=ssl.create_default_context(cafile=str(roots))
        )
        connection.set_tunnel(CERTIFIED, upstream.port)
        for _ in range(2):
            connection.request("POST", "/v1/messages", b"{}")
            assert connection.getresponse().read() == SAID
        connection.close()
        assert upstream.connections == 1


def test_a_gateway_over_tls_checks_the_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, roots = serving_as(tmp_path, CERTIFIED)
    with Upstream(context, answer=lambda _: Reply.document({"said": "yes"})) as upstream:
        config = Config(capture=CaptureConfig(upstreams={"openai": f"https://{CERTIFIED}:{upstream.port}"}))
        for trusted, status in ((roots, 200), (None, 502)):
            monkeypatch.setenv("SSL_CERT_FILE", str(trusted or "/dev/null"))
            with standing_in(config) as (port, _):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                connection.request("GET", "/openai/v1/models")
                assert connection.getresponse().status == status
                connection.close()


def test_plain_http_of_any_host_is_passed_on(upstream: Upstream) -> None:
    with standing_in(Config()) as (port, _):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", f"{upstream.url}/some/where?x=1", headers={"Proxy-Authorization": "Basic x"})
        assert connection.getresponse().read() == SAID
        connection.close()
    assert upstream.received().target == "/some/where?x=1"
    assert upstream.received().header("proxy-authorization") is None


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"CONNECT nowhere HTTP/1.1\r\n\r\n", b"400"),
        (b"CONNECT 127.0.0.1:PORT HTTP/1.1\r\n\r\n", b"508"),
        (b"GET http://localhost:PORT/anthropic/x HTTP/1.1\r\n\r\n", b"508"),
        (b"GET ftp://x/y HTTP/1.1\r\n\r\n", b"400"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nNo-Colon\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", b"400"),
        (b"CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n", b"502"),
    ],
)
def test_what_leads_nowhere_is_answered(sent: bytes, status: bytes) -> None:
    with standing_in(Config()) as (port, _), socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(sent.replace(b"PORT", str(port).encode()))
        assert connection.recv(4096).split(b" ")[1] == status


def test_a_daemon_that_dies_with_the_request_in_its_hands_costs_nothing(upstream: Upstream) -> None:
    with socket.create_server(("127.0.0.1", 0)) as daemon:

        def dies() -> None:
            connection, _ = daemon.accept()
            connection.recv(10)
            connection.close()

        thread = threading.Thread(target=dies)
        thread.start()
        with standing_in(leading_to(upstream), daemon.getsockname()[1]) as (port, forwarder):
            body = b"x" * 100_000
            asked = urllib.request.Request(f"http://127.0.0.1:{port}/anthropic/v1/messages", body)
            with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310 - an address of this test
                assert answer.status == 200
            assert forwarder.passed == 1
        thread.join()
    assert upstream.received().body == body
    assert len(upstream.requests) == 1


def test_a_daemon_that_refuses_a_tunnel_or_keeps_silent_is_passed(upstream: Upstream) -> None:
    with socket.create_server(("127.0.0.1", 0)) as daemon:
        kept: list[socket.socket] = []

        def answers() -> None:
            for said in (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", b""):
                connection, _ = daemon.accept()
                kept.append(connection)
                connection.sendall(said)

        thread = threading.Thread(target=answers)
        thread.start()
        with standing_in(Config(), daemon.getsockname()[1]) as (port, forwarder):
            for number in (1, 2):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                connection.set_tunnel("127.0.0.1", upstream.port)
                connection.request("GET", "/x")
                assert connection.getresponse().status == 200
                connection.close()
                assert forwarder.passed == number
        thread.join()
        for connection in kept:
            connection.close()


def test_the_companys_proxy_is_used_but_for_hosts_that_need_none(upstream: Upstream) -> None:
    async def both() -> tuple[bytes, bytes]:
        company = StandIn(Direct(gateways={}))
        at = await company.listen(0)
        ours = Direct(gateways={"p": f"http://localhost:{upstream.port}"}, proxy=f"http://me:secret@127.0.0.1:{at}")
        first = await ask(ours)
        assert company.passed == 1
        second = await ask(Direct(gateways=ours.gateways, proxy=ours.proxy, no_proxy="localhost"))
        assert company.passed == 1
        await company.end(1)
        return first, second

    async def ask(direct: Direct) -> bytes:
        stand_in = StandIn(direct)
        reader, writer = await asyncio.open_connection("127.0.0.1", await stand_in.listen(0))
        writer.write(b"GET /p/x HTTP/1.1\r\nHost: x\r\n\r\n")
        said = await reader.readuntil(SAID)
        assert b"\r\nConnection: close\r\n" in said
        writer.close()
        await writer.wait_closed()
        await stand_in.end(1)
        return said

    assert all(SAID in said for said in asyncio.run(both()))


def test_a_caller_that_goes_away_ends_the_call_at_the_provider() -> None:
    with (
        Upstream(answer=lambda _: Reply.stream([b"data: 1\n\n"], ending="hang")) as upstream,
        standing_in(leading_to(upstream)) as (port, _),
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"GET /anthropic/x HTTP/1.1\r\n\r\n")
            assert connection.recv(10)
        assert upstream.received().gone.wait(10)
