"""Every byte of requests and answers is the same with the proxy as without it."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Callable

import pytest

from tests.daemon.capture_environment import RunningProxy
from tests.daemon.proxy.wire import PATIENCE_SECONDS, Stream, Upstream, client_tls, connected, unchunked

BODY = b'{"model":"gpt-5.1",  "input":"caf\xc3\xa9 \xf0\x9f\x8c\x8d", "stream":true}'
PACKED = gzip.compress(BODY)
HEADERS = (
    b"aUthorization: Bearer not-a-key\r\nX-Twice: b\r\nX-Twice: a\r\nAccept-Encoding: gzip, br\r\n"
    b"x-latin: caf\xe9\r\nConnection: keep-alive\r\nUser-Agent: OpenAI/Python 2.0\r\n"
)
ANSWER = (
    b"HTTP/1.1 200 Fine\r\ncontent-Type: application/json\r\nX-REQUEST-id: req_1\r\n"
    b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nx-odd: \xff\r\nContent-Length: 13\r\n\r\n" + b'{"id":"r\xff\x00"} '
)


def request(path: bytes, port: int, *, host: bytes = b"localhost", body: bytes = BODY, more: bytes = b"") -> bytes:
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    return b"POST %s HTTP/1.1\r\nHost: %s:%d\r\n" % (path, host, port) + HEADERS + more + length + body


def through_tunnel(proxy: RunningProxy, upstream: Upstream) -> Stream:
    """A client that trusts the proxy's authority, at the other end of CONNECT."""
    client = connected(proxy.port)
    client.send(b"CONNECT localhost:%d HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % (upstream.port, upstream.port))
    assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    client.under_tls(client_tls(proxy.certificate, strict=True), "localhost")
    client.received.clear()
    return client


def answering(answer: bytes) -> Callable[[Stream], None]:
    def serve(stream: Stream) -> None:
        while True:
            stream.message()
            stream.send(answer)

    return serve


Way = tuple[Stream, bytes, bytes, Upstream]


@pytest.fixture(params=["gateway", "gateway to TLS", "proxy with TLS", "plain proxy"])
def way(request: pytest.FixtureRequest, proxy: RunningProxy, plain: Upstream, secure: Upstream) -> Way:
    """A client, the path it asks for and the one that must arrive, and where."""
    match request.param:
        case "gateway":
            return connected(proxy.port), b"/openai/responses?a=%C3%A9&b", b"/v1/responses?a=%C3%A9&b", plain
        case "gateway to TLS":
            return connected(proxy.port), b"/xai/v1/responses", b"/v1/responses", secure
        case "proxy with TLS":
            return through_tunnel(proxy, secure), b"/v1/responses", b"/v1/responses", secure
        case _:
            absolute = b"http://localhost:%d/v1/responses" % plain.port
            return connected(proxy.port), absolute, b"/v1/responses", plain


@pytest.mark.parametrize("body", [BODY, PACKED, b""])
def test_requests_and_answers_arrive_as_they_were_sent(proxy: RunningProxy, way: Way, body: bytes) -> None:
    client, asked, arriving, upstream = way
    upstream.serve = answering(ANSWER)
    for _ in range(2):  # the second on the same connections
        client.send(request(asked, upstream.port, body=body))
        head, answer = client.message()
        assert head + answer == ANSWER
        call = proxy.call()
        assert call["metered"]["prompt_hash"] == hashlib.sha256(body).hexdigest()
        assert call["metered"]["provider_request_id"] == hashlib.sha256(ANSWER[-13:]).hexdigest()
        assert call["metered"]["stop_reason"] == "complete"
    client.close()
    assert upstream.streams[0].received == request(arriving, upstream.port, body=body) * 2
    assert len(upstream.streams) == 1
    assert proxy.calls() == []


def test_the_host_is_the_upstreams_own(proxy: RunningProxy, plain: Upstream) -> None:
    plain.serve = answering(ANSWER)
    client = connected(proxy.port)
    client.send(request(b"/openai/responses", proxy.port, host=b"127.0.0.1"))
    client.message()
    client.close()
    assert plain.streams[0].received == request(b"/v1/responses", plain.port)
    assert proxy.call()["source"] == "gateway"


def test_a_stream_arrives_piece_by_piece_before_it_ends(proxy: RunningProxy, way: Way) -> None:
    client, asked, _, upstream = way
    pieces = [b'data: {"n":%d}\n\n' % n for n in range(5)] + [b"data: [DONE]\n\n"]
    arrived = [threading.Event() for _ in pieces]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

    def serve(stream: Stream) -> None:
        stream.message()
        stream.send(head)
        for piece, seen in zip(pieces, arrived, strict=True):
            stream.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            assert seen.wait(PATIENCE_SECONDS)  # the next is not sent before this one is there
        stream.send(b"0\r\n\r\n")

    upstream.serve = serve
    client.send(request(asked, upstream.port))
    assert client.until(b"\r\n\r\n") == head
    for piece, seen in zip(pieces, arrived, strict=True):
        assert client.exactly(len(b"%x\r\n" % len(piece)) + len(piece) + 2) == b"%x\r\n%s\r\n" % (len(piece), piece)
        seen.set()
    assert client.exactly(5) == b"0\r\n\r\n"
    assert proxy.call()["metered"]["provider_request_id"] == hashlib.sha256(b"".join(pieces)).hexdigest()
    client.close()


def test_a_request_arrives_piece_by_piece_before_it_ends(proxy: RunningProxy, way: Way) -> None:
    client, asked, _, upstream = way
    halfway = threading.Event()

    def serve(stream: Stream) -> None:
        stream.until(b"\r\n\r\n")
        stream.exactly(20)
        halfway.set()
        stream.exactly(len(BODY) - 20)
        stream.send(ANSWER)

    upstream.serve = serve
    whole = request(asked, upstream.port)
    client.send(whole[: len(whole) - len(BODY) + 20])
    assert halfway.wait(PATIENCE_SECONDS)
    client.send(whole[len(whole) - len(BODY) + 20 :])
    head, answer = client.message()
    assert head + answer == ANSWER
    assert proxy.call()["metered"]["prompt_hash"] == hashlib.sha256(BODY).hexdigest()
    client.close()


def test_a_request_in_chunks_keeps_its_body(proxy: RunningProxy, way: Way) -> None:
    client, asked, _, upstream = way
    bodies: list[bytes] = []

    def serve(stream: Stream) -> None:
        bodies.append(unchunked(stream.message()[1]))
        stream.send(ANSWER)

    upstream.serve = serve
    head = b"POST %s HTTP/1.1\r\nHost: localhost:%d\r\nTransfer-Encoding: chunked\r\n\r\n" % (asked, upstream.port)
    client.send(head + b"5\r\nhello\r\n6; ignored=1\r\n world\r\n0\r\n\r\n")
    assert client.message()[1] == ANSWER[-13:]
    assert bodies == [b"hello world"]
    assert proxy.call()["metered"]["prompt_hash"] == hashlib.sha256(b"hello world").hexdigest()
    client.close()


def test_an_answer_that_ends_with_its_connection_is_complete(proxy: RunningProxy, way: Way) -> None:
    client, asked, _, upstream = way
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}"

    def serve(stream: Stream) -> None:
        stream.message()
        stream.send(answer)

    upstream.serve = serve
    client.send(request(asked, upstream.port))
    assert client.to_the_end() == answer
    assert proxy.call()["metered"]["stop_reason"] == "complete"
    client.close()


def test_thirty_megabytes_pass_both_ways(proxy: RunningProxy, plain: Upstream) -> None:
    large = bytes(range(256)) * 4096 * 30
    received: list[str] = []

    def serve(stream: Stream) -> None:
        received.append(hashlib.sha256(stream.message()[1]).hexdigest())
        stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(large) + large)

    plain.serve = serve
    client = connected(proxy.port)
    client.send(request(b"/openai/responses", plain.port, body=large))
    assert client.message()[1] == large
    digest = hashlib.sha256(large).hexdigest()
    call = proxy.call()["metered"]
    assert received == [call["prompt_hash"]] == [call["provider_request_id"]] == [digest]
    client.close()


def test_client_and_provider_agree_on_one_version_of_http(proxy: RunningProxy, secure: Upstream) -> None:
    client = connected(proxy.port)
    client.send(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % secure.port)
    client.until(b"\r\n\r\n")
    offering = client_tls(proxy.certificate)
    offering.set_alpn_protocols(["h2", "http/1.1"])
    client.under_tls(offering, "localhost")
    assert client.version_agreed_on() == "http/1.1"  # all that this upstream speaks
    client.close()


def test_a_header_that_no_standard_allows_is_the_providers_to_judge(proxy: RunningProxy, way: Way) -> None:
    client, asked, arriving, upstream = way
    upstream.serve = answering(ANSWER)
    odd = b"X(odd)\xff: 1\r\nX-Empty: \r\n"
    client.send(request(asked, upstream.port, more=odd))
    assert client.message()[1] == ANSWER[-13:]
    client.close()
    assert upstream.streams[0].received == request(arriving, upstream.port, more=odd)
    assert proxy.call()["metered"]["stop_reason"] == "complete"
