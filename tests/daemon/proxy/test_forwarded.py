"""Calls that a forwarder brings: they are its clients', and what it said of them goes nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.attribution.clients import Connected, Listener
from tests.daemon.capture_environment import RunningProxy
from tests.daemon.proxy.test_passing import ANSWER, answering, request
from tests.daemon.proxy.test_upstream_proxy import Company
from tests.daemon.proxy.wire import Stream, Upstream, connected

STRANGERS = """
import socket, subprocess, sys
with socket.create_server(("127.0.0.1", 0)) as listener:
    code = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1]))).recv(1)"
    client = subprocess.Popen([sys.executable, "-S", "-c", code, str(listener.getsockname()[1])])
    accepted, (_, port) = listener.accept()
    print(port, accepted.getsockname()[1], client.pid, flush=True)
    sys.stdin.read()
    accepted.close()
    client.wait()
"""


@pytest.fixture(autouse=True)
def _nothing_left_for_others(proxy: RunningProxy) -> Iterator[None]:
    yield
    proxy.stop()
    proxy.calls()


@pytest.fixture
def finding(proxy: RunningProxy, settings: dict[str, Any], plain: Upstream) -> RunningProxy:
    """A proxy that looks for callers."""
    proxy.restart(**settings | {"find_caller": True, "hosts": {"localhost": "openai"}})
    plain.serve = answering(ANSWER)
    return proxy


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Connected]:
    """A program whose connection this process has accepted."""
    with Listener("127.0.0.1") as listener, listener.client(tmp_path, {"HALTON_PROJECT": "acme"}) as program:
        yield program


def naming(client: tuple[str, int], accepted: tuple[str, int]) -> bytes:
    return b"X-Halton-Client: %d %d\r\n" % (client[1], accepted[1])


def tunnelled(port: int, upstream: Upstream, more: bytes) -> Stream:
    client = connected(port)
    client.send(b"CONNECT localhost:%d HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % (upstream.port, more))
    assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    return client


@contextmanager
def strangers() -> Iterator[tuple[bytes, int]]:
    """Two processes that are connected: the header that names them, and the pid of the one that connected."""
    with subprocess.Popen(
        [sys.executable, "-c", STRANGERS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        client, accepted, pid = map(int, process.stdout.readline().split())
        yield b"X-Halton-Client: %d %d\r\n" % (client, accepted), pid
        process.communicate()


def test_calls_on_one_connection_are_those_of_the_program_it_was_named_for(
    finding: RunningProxy, plain: Upstream, program: Connected, tmp_path: Path
) -> None:
    client = connected(finding.port)
    unmetered = b"GET /openai/v1/files HTTP/1.1\r\nHost: x\r\n"
    client.send(unmetered + naming(program.client, program.server) + b"\r\n")
    client.message()
    for _ in range(2):
        client.send(request(b"/openai/responses", plain.port))
        client.message()
        caller = finding.call()["caller"]
        assert (caller["pid"], caller["workdir"]) == (program.pid, str(tmp_path))
        assert caller["environment"]["HALTON_PROJECT"] == "acme"
    client.close()
    assert b"halton" not in plain.streams[0].received.lower()


def test_calls_in_a_tunnel_are_those_of_the_program_that_asked_for_it(
    finding: RunningProxy, plain: Upstream, program: Connected
) -> None:
    client = tunnelled(finding.port, plain, naming(program.client, program.server))
    client.send(request(b"/v1/responses", plain.port))
    client.message()
    assert finding.call()["caller"]["pid"] == program.pid
    client.close()
    assert plain.streams[0].received == request(b"/v1/responses", plain.port)


@pytest.mark.parametrize("way", ["gateway", "plain proxy", "tunnel", "inside a tunnel"])
def test_a_program_that_names_the_connection_of_others_is_taken_for_itself(
    finding: RunningProxy, plain: Upstream, way: str
) -> None:
    with strangers() as (forged, pid):
        if "tunnel" in way:
            client = tunnelled(finding.port, plain, forged if way == "tunnel" else b"")
            client.send(request(b"/v1/responses", plain.port, more=b"" if way == "tunnel" else forged))
        else:
            client = connected(finding.port)
            path = b"/openai/v1/responses" if way == "gateway" else b"http://localhost:%d/v1/responses" % plain.port
            client.send(request(path, plain.port, more=forged))
        client.message()
        assert finding.call()["caller"]["pid"] == os.getpid() != pid
        client.close()
    assert plain.streams[0].received == request(b"/v1/responses", plain.port)


@pytest.mark.parametrize("host", [b"localhost", b"127.0.0.1"])
def test_no_host_sees_what_a_forwarder_said(
    finding: RunningProxy, plain: Upstream, program: Connected, host: bytes
) -> None:
    client = connected(finding.port)
    path = b"http://%s:%d/v1/responses" % (host, plain.port)
    client.send(request(path, plain.port, host=host, more=naming(program.client, program.server)))
    client.message()
    client.close()
    assert plain.streams[0].received == request(b"/v1/responses", plain.port, host=host)


def test_a_companys_proxy_does_not_see_it_either(
    proxy: RunningProxy, settings: dict[str, Any], plain: Upstream, program: Connected
) -> None:
    company = Company()
    more = naming(program.client, program.server)
    with Upstream(company.serve) as upstream:
        proxy.restart(**settings | {"upstream_proxy": f"http://u:p@127.0.0.1:{upstream.port}"})
        plain.serve = answering(ANSWER)
        for host in (b"localhost", b"127.0.0.1"):
            client = connected(proxy.port)
            client.send(b"CONNECT %s:%d HTTP/1.1\r\nHost: x\r\n%s\r\n" % (host, plain.port, more))
            assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
            client.send(request(b"/v1/responses", plain.port))
            client.message()
            client.close()
        client = connected(proxy.port)
        path = b"http://elsewhere.invalid/x"
        client.send(request(path, 80, host=b"elsewhere.invalid", body=b"{}", more=more))
        client.until(b"\r\n")
        client.close()
        proxy.stop()
    assert company.asked
    assert all(b"halton" not in stream.received.lower() for stream in (*upstream.streams, *plain.streams))
