"""Behind a company's own proxy everything goes through that, metered or not."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from tests.daemon.capture_environment import RunningProxy
from tests.daemon.proxy.test_passing import ANSWER, answering, request, through_tunnel
from tests.daemon.proxy.test_tunnels import asked_to_connect
from tests.daemon.proxy.wire import PATIENCE_SECONDS, Stream, Upstream, connected


class Company:
    """A proxy that asks for credentials, and leads every name to this machine."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def serve(self, stream: Stream) -> None:
        head = stream.until(b"\r\n\r\n")
        self.asked.append(head)
        if b"Proxy-Authorization: Basic dTpw\r\n" not in head:
            stream.send(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        if not head.startswith(b"CONNECT "):
            stream.exactly(2)
            stream.send(ANSWER)
            return
        stream.send(b"HTTP/1.1 200 OK\r\n\r\n")
        with socket.create_connection(
            ("127.0.0.1", int(head.split(b" ")[1].split(b":")[1])), PATIENCE_SECONDS
        ) as there:
            stream.piped(there)


@pytest.fixture
def company(proxy: RunningProxy, settings: dict[str, Any], secure: Upstream) -> Any:
    company = Company()
    with Upstream(company.serve) as upstream:
        gateway = {"openai": "http://llm.invalid:81/v1", "xai": f"https://llm.invalid:{secure.port}"}
        through = {"upstream_proxy": f"http://u:p@127.0.0.1:{upstream.port}", "upstreams": gateway}
        proxy.restart(**settings | through)
        yield company
        proxy.stop()


def test_a_call_goes_through_it_and_is_metered(company: Company, proxy: RunningProxy, secure: Upstream) -> None:
    secure.serve = answering(ANSWER)
    client = through_tunnel(proxy, secure)
    client.send(request(b"/v1/responses", secure.port))
    head, body = client.message()
    assert head + body == ANSWER
    client.close()
    assert proxy.call()["metered"]["stop_reason"] == "complete"
    assert [head.split(b"\r\n")[0] for head in company.asked] == [b"CONNECT localhost:%d HTTP/1.1" % secure.port]
    assert secure.streams[0].received == request(b"/v1/responses", secure.port)


def test_a_tunnel_goes_through_it(company: Company, proxy: RunningProxy, plain: Upstream) -> None:
    plain.serve = lambda stream: stream.send(stream.until(b"\n").upper())
    client = asked_to_connect(proxy, b"127.0.0.1", plain.port)
    client.until(b"\r\n\r\n")
    client.send(b"hello\n")
    assert client.until(b"\n") == b"HELLO\n"
    client.close()
    assert len(company.asked) == 1


def test_the_gateway_goes_through_it(company: Company, proxy: RunningProxy) -> None:
    client = connected(proxy.port)
    client.send(request(b"/openai/responses", 1, body=b"{}"))
    assert client.message()[1] == ANSWER[-13:]
    client.close()
    assert company.asked[0].startswith(b"POST http://llm.invalid:81/v1/responses HTTP/1.1\r\nHost: llm.invalid:81\r\n")
    assert proxy.call()["metered"]["stop_reason"] == "complete"


def test_what_is_on_this_machine_does_not(
    company: Company, proxy: RunningProxy, settings: dict[str, Any], plain: Upstream
) -> None:
    plain.serve = answering(ANSWER)
    proxy.restart(**settings | {"upstream_proxy": "http://127.0.0.1:1"})
    client = connected(proxy.port)
    client.send(request(b"/openai/responses", plain.port))
    assert client.message()[1] == ANSWER[-13:]
    client.close()
    assert company.asked == []
