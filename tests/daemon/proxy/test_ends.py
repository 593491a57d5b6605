"""However a call ends, it is handed on once, and nothing that goes wrong beside it reaches it."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.daemon.capture_environment import RunningProxy
from tests.daemon.proxy.test_passing import ANSWER, answering, request, through_tunnel
from tests.daemon.proxy.wire import PATIENCE_SECONDS, Stream, TestAuthority, Upstream, connected

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
DONE = b"e\r\ndata: [DONE]\n\n\r\n"


def only_call(proxy: RunningProxy) -> dict[str, Any]:
    call = proxy.call()
    assert proxy.calls() == []
    assert proxy.counts()["running"] == 0
    return call["metered"]


@pytest.mark.parametrize("opened", [False, True])
def test_a_client_that_closes_at_done_is_metered_once(
    proxy: RunningProxy, plain: Upstream, secure: Upstream, *, opened: bool
) -> None:
    closed = threading.Event()

    def serve(stream: Stream) -> None:
        stream.message()
        stream.send(HEAD + DONE)  # the last chunk of HTTP is still to come when the client has all it needs
        stream.to_the_end()
        closed.set()

    upstream = secure if opened else plain
    upstream.serve = serve
    client = through_tunnel(proxy, secure) if opened else connected(proxy.port)
    client.send(request(b"/v1/responses" if opened else b"/openai/responses", upstream.port))
    client.until(DONE)
    client.close()
    assert closed.wait(PATIENCE_SECONDS)  # the provider hears of it, as it would without us
    call = only_call(proxy)
    assert call["stop_reason"] == "client_aborted"
    assert call["model"] == "request_started,request_bytes,response_started,response_bytes,finished"


def test_a_client_that_leaves_while_the_provider_thinks_is_metered(proxy: RunningProxy, plain: Upstream) -> None:
    asked, closed = threading.Event(), threading.Event()

    def serve(stream: Stream) -> None:
        stream.message()
        asked.set()
        stream.to_the_end()
        closed.set()

    plain.serve = serve
    client = connected(proxy.port)
    client.send(request(b"/openai/responses", plain.port))
    assert asked.wait(PATIENCE_SECONDS)
    client.close()
    assert closed.wait(PATIENCE_SECONDS)
    call = only_call(proxy)
    assert (call["stop_reason"], call["http_status"]) == ("client_aborted", None)


def test_a_client_that_leaves_in_the_middle_of_its_request_is_metered(proxy: RunningProxy, plain: Upstream) -> None:
    plain.serve = lambda stream: stream.to_the_end() and None
    client = connected(proxy.port)
    client.send(request(b"/openai/responses", plain.port)[:-10])
    client.close()
    assert only_call(proxy)["stop_reason"] == "client_aborted"


@pytest.mark.parametrize("reset", [False, True])
def test_an_answer_that_breaks_off_is_metered_and_broken_for_the_client_too(
    proxy: RunningProxy, plain: Upstream, *, reset: bool
) -> None:
    def serve(stream: Stream) -> None:
        stream.message()
        stream.send(ANSWER[:-5])
        if reset:
            arrived.wait(PATIENCE_SECONDS)
            stream.reset()

    arrived = threading.Event()
    plain.serve = serve
    client = connected(proxy.port)
    client.send(request(b"/openai/responses", plain.port))
    got = client.exactly(len(ANSWER) - 5)
    arrived.set()
    assert got + client.to_the_end() == ANSWER[:-5]
    call = only_call(proxy)
    assert (call["stop_reason"], call["http_status"]) == ("upstream_failed", 200)
    client.close()


def test_a_provider_that_hangs_up_unanswered_gives_502_and_a_row(proxy: RunningProxy, plain: Upstream) -> None:
    plain.serve = lambda stream: stream.message() and None
    client = connected(proxy.port)
    client.send(request(b"/openai/responses", plain.port))
    assert client.to_the_end().startswith(b"HTTP/1.1 502 ")
    assert only_call(proxy)["stop_reason"] == "upstream_failed"
    client.close()


def test_a_provider_that_cannot_be_reached_gives_502_and_a_row(
    proxy: RunningProxy, settings: dict[str, Any], secure: Upstream
) -> None:
    with Upstream(answering(ANSWER)) as gone:
        port = gone.port
    proxy.restart(**settings | {"upstreams": {"openai": f"https://localhost:{port}"}})
    client = connected(proxy.port)
    client.send(request(b"/openai/v1/responses", secure.port))
    assert client.to_the_end().startswith(b"HTTP/1.1 502 ")
    assert only_call(proxy)["stop_reason"] == "upstream_failed"
    client.close()


def test_a_provider_with_a_certificate_nobody_vouches_for_gets_no_request(
    proxy: RunningProxy, settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = TestAuthority(tmp_path_factory.mktemp("stranger"))
    with Upstream(answering(ANSWER), tls=stranger.server()) as upstream:
        proxy.restart(**settings | {"upstreams": {"openai": f"https://localhost:{upstream.port}"}})
        client = connected(proxy.port)
        client.send(request(b"/openai/v1/responses", upstream.port))
        assert client.to_the_end().startswith(b"HTTP/1.1 502 ")
        client.close()
        assert only_call(proxy)["stop_reason"] == "upstream_failed"
    assert [stream.received for stream in upstream.streams] == []


@pytest.mark.parametrize(
    "raising", ["request_started", "request_bytes", "response_started", "response_bytes", "finished", "on_call"]
)
def test_calls_go_on_when_metering_raises(
    proxy: RunningProxy, settings: dict[str, Any], plain: Upstream, raising: str
) -> None:
    proxy.restart(**settings | {"raising": raising})
    plain.serve = answering(ANSWER)
    client = connected(proxy.port)
    for _ in range(2):
        client.send(request(b"/openai/responses", plain.port))
        head, body = client.message()
        assert head + body == ANSWER
    client.close()
    lost = raising in {"finished", "on_call"}
    assert len([proxy.call() for _ in range(0 if lost else 2)]) == (0 if lost else 2)
    proxy.stop()
    assert proxy.counts()["failures"] == 2
    assert plain.streams[0].received == request(b"/v1/responses", plain.port) * 2


def test_stopping_lets_a_call_end(proxy: RunningProxy, plain: Upstream) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def serve(stream: Stream) -> None:
        stream.message()
        stream.send(ANSWER[:-5])
        asked.set()
        assert go_on.wait(PATIENCE_SECONDS)
        stream.send(ANSWER[-5:])

    plain.serve = serve
    client = connected(proxy.port)
    client.send(request(b"/openai/responses", plain.port))
    assert asked.wait(PATIENCE_SECONDS)
    stopping = threading.Thread(target=proxy.stop)
    stopping.start()
    refused = None
    while refused is None:
        try:
            connected(proxy.port).close()
        except ConnectionRefusedError as error:
            refused = error
    go_on.set()
    head, body = client.message()
    assert head + body == ANSWER
    stopping.join(PATIENCE_SECONDS)
    assert proxy.call()["metered"]["stop_reason"] == "complete"
    client.close()


def test_stopping_hands_on_a_call_that_does_not_end(
    proxy: RunningProxy, settings: dict[str, Any], plain: Upstream
) -> None:
    proxy.restart(**settings | {"grace_seconds": 0.1})
    asked = threading.Event()

    def serve(stream: Stream) -> None:
        stream.message()
        asked.set()
        stream.to_the_end()

    plain.serve = serve
    client = connected(proxy.port)
    client.send(request(b"/openai/responses", plain.port))
    assert asked.wait(PATIENCE_SECONDS)
    proxy.stop()
    assert proxy.call()["metered"]["http_status"] is None
    assert proxy.calls() == []
    client.close()


def test_fifty_streams_at_once_are_fifty_calls(proxy: RunningProxy, plain: Upstream) -> None:
    together = threading.Barrier(50)

    def serve(stream: Stream) -> None:
        stream.message()
        together.wait(PATIENCE_SECONDS)  # none is answered before all are asked
        stream.send(HEAD + DONE)
        together.wait(PATIENCE_SECONDS)
        stream.send(b"0\r\n\r\n")

    plain.serve = serve
    clients = [connected(proxy.port) for _ in range(50)]
    for client in clients:
        client.send(request(b"/openai/responses", plain.port))
    assert {client.message() for client in clients} == {(HEAD, DONE + b"0\r\n\r\n")}
    for client in clients:
        client.close()
    assert [proxy.call()["metered"]["stop_reason"] for _ in clients] == ["complete"] * 50
    assert proxy.calls() == []
