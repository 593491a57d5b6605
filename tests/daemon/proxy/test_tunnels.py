"""What is no call to a provider passes unopened, and so does what does not trust us."""

from __future__ import annotations

import hashlib
import ssl
import threading

import pytest

from tests.daemon.capture_environment import RunningProxy
from tests.daemon.proxy.test_passing import ANSWER, answering, request, through_tunnel
from tests.daemon.proxy.wire import PATIENCE_SECONDS, Stream, TestAuthority, Upstream, client_tls, connected


def asked_to_connect(proxy: RunningProxy, host: bytes, port: int) -> Stream:
    client = connected(proxy.port)
    client.send(b"CONNECT %s:%d HTTP/1.1\r\nHost: %s:%d\r\n\r\n" % (host, port, host, port))
    return client


def test_other_hosts_show_their_own_certificate(
    proxy: RunningProxy, secure: Upstream, authority: TestAuthority
) -> None:
    secure.serve = answering(ANSWER)
    client = asked_to_connect(proxy, b"127.0.0.1", secure.port)
    client.until(b"\r\n\r\n")
    client.under_tls(client_tls(authority.roots), "127.0.0.1")
    sent = request(b"/v1/responses", secure.port, more=b"X-Halton-Project: stays\r\n")
    client.send(sent)
    assert client.message()[1] == ANSWER[-13:]
    client.close()
    assert secure.streams[0].received == sent
    assert proxy.calls() == []


def test_a_server_that_speaks_first_is_heard_through_a_tunnel(proxy: RunningProxy, plain: Upstream) -> None:
    plain.speaks_first = True

    def serve(stream: Stream) -> None:
        stream.send(b"220 ready\r\n")
        stream.send(stream.until(b"\n").upper())

    plain.serve = serve
    client = asked_to_connect(proxy, b"127.0.0.1", plain.port)
    client.until(b"\r\n\r\n")
    assert client.until(b"\r\n") == b"220 ready\r\n"
    client.send(b"\x00\xffhello\n")
    assert client.to_the_end() == b"\x00\xffHELLO\n"
    client.close()


def test_a_tunnel_to_nowhere_is_refused(proxy: RunningProxy) -> None:
    with Upstream(lambda stream: None) as gone:
        port = gone.port
    client = asked_to_connect(proxy, b"127.0.0.1", port)
    assert client.message()[0].startswith(b"HTTP/1.1 502 ")
    client.close()


def test_plain_requests_to_other_hosts_pass_unmetered(proxy: RunningProxy, plain: Upstream) -> None:
    plain.serve = answering(ANSWER)
    client = connected(proxy.port)
    absolute = b"http://127.0.0.1:%d/v1/responses" % plain.port
    client.send(request(absolute, plain.port, host=b"127.0.0.1", more=b"Proxy-Connection: keep-alive\r\n"))
    head, body = client.message()
    assert head + body == ANSWER
    client.close()
    assert plain.streams[0].received == request(b"/v1/responses", plain.port, host=b"127.0.0.1")
    assert proxy.calls() == []


def test_a_providers_other_requests_pass_unmetered(proxy: RunningProxy, secure: Upstream) -> None:
    secure.serve = answering(ANSWER)
    client = through_tunnel(proxy, secure)
    client.send(request(b"/v1/files", secure.port))
    assert client.message()[1] == ANSWER[-13:]
    client.close()
    assert proxy.calls() == []


def test_a_client_that_does_not_trust_us_is_let_through_on_its_next_attempt(
    proxy: RunningProxy, secure: Upstream, authority: TestAuthority
) -> None:
    secure.serve = answering(ANSWER)
    client = asked_to_connect(proxy, b"localhost", secure.port)
    client.until(b"\r\n\r\n")
    with pytest.raises(ssl.SSLCertVerificationError):
        client.under_tls(client_tls(authority.roots), "localhost")
    client.close()
    client = asked_to_connect(proxy, b"localhost", secure.port)
    client.until(b"\r\n\r\n")
    client.under_tls(client_tls(authority.roots), "localhost")
    client.send(request(b"/v1/responses", secure.port))
    assert client.message()[1] == ANSWER[-13:]
    client.close()
    assert proxy.calls() == []
    assert proxy.counts()["distrusted"] == 1


def test_web_sockets_pass_bit_for_bit(proxy: RunningProxy, secure: Upstream) -> None:
    answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    frames = bytes(range(256)) * 300
    echoed = threading.Event()

    def serve(stream: Stream) -> None:
        stream.until(b"\r\n\r\n")
        stream.send(answer + b"\x81\x02hi")
        assert stream.exactly(len(frames)) == frames
        stream.send(frames[::-1])
        assert echoed.wait(PATIENCE_SECONDS)

    secure.serve = serve
    client = through_tunnel(proxy, secure)
    offer = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n"
    client.send(b"GET /v1/realtime?model=m HTTP/1.1\r\nHost: localhost\r\n" + offer)
    assert client.exactly(len(answer) + 4) == answer + b"\x81\x02hi"
    client.send(frames)
    assert hashlib.sha256(client.exactly(len(frames))).digest() == hashlib.sha256(frames[::-1]).digest()
    echoed.set()
    client.close()
    assert proxy.calls() == []
