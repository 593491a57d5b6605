"""The client with addresses and tokens that are none, and answers that never end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from daemon.sync.client import CloudClient
from daemon.sync.errors import CloudError, TokenRejected, Unavailable
from daemon.sync.retry import RetryPolicy


@pytest.mark.parametrize(
    "url",
    [
        *("", "meter.local", "ftp://meter.local", "http://", "https:///v1", "http://[::1", "http://meter.local:99999"),
        *("http://vk:secret@meter.local", "https://meter.local/?to=here", "http://meter\0.local", "http://mé..x"),
        "https://" + "a" * 70 + ".local",
    ],
)
def test_an_address_that_is_no_http_url_is_refused(url: str) -> None:
    with pytest.raises(CloudError, match="base URL"):
        CloudClient(url)


def test_a_token_that_no_header_can_carry_is_a_plain_error_without_it(cloud: Any) -> None:
    with CloudClient(cloud.url, "hm_sync_sécret") as client, pytest.raises(TokenRejected) as caught:
        client.whoami()
    assert "cret" not in str(caught.value)
    assert cloud.seen == []


def test_an_answer_that_only_drips_ends_in_time(drips: str) -> None:
    retry = RetryPolicy(retries=0)
    started = time.monotonic()
    with CloudClient(drips, "t", retry=retry, overall_seconds=0.5) as client, pytest.raises(Unavailable):
        client.whoami()
    assert time.monotonic() - started < 5


@pytest.fixture
def drips() -> Iterator[str]:
    """A server that never ends its answer and never stops sending it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{")
                for _ in range(1000):
                    connection.sendall(b" ")
                    time.sleep(0.02)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()
