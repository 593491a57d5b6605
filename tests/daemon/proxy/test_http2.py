"""HTTP/2 on both sides: a dozen streams on one connection, with and without the proxy, are the same bytes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.capture_environment import ROOT, environment
from tests.daemon.proxy.wire import TestAuthority

PEERS = Path(__file__).with_name("h2_peers.py")


@pytest.fixture(scope="module")
def told(capture_python: Path, authority: TestAuthority, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("http2") / "ca"
    done = subprocess.run(
        [str(capture_python), str(PEERS), str(authority.leaf), str(authority.roots), str(folder)],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_http2_passes_as_it_came(told: dict[str, Any]) -> None:
    direct, proxied = told["client"]
    assert direct["alpn"] == "h2"
    assert len(direct["heads"]) == 12
    assert proxied == direct
    assert len(told["upstream"]) == 2
    assert told["upstream"][1:] == told["upstream"][:1]


def test_calls_end_and_new_ones_go_elsewhere_when_a_provider_closes_in_order(told: dict[str, Any]) -> None:
    direct, _ = told["client"]
    assert told["farewell"]["bodies"] == direct["bodies"] * 2
    assert told["farewell"]["trailers"] == direct["trailers"] * 2


def test_every_stream_is_a_call(told: dict[str, Any]) -> None:
    assert told["outcomes"][:36] == [[200, None]] * 36
    assert told["outcomes"][36:] == [[None, "network"], [200, None]]


def test_a_provider_that_comes_back_is_reached_on_the_same_connection(told: dict[str, Any]) -> None:
    statuses = [dict(head)[":status"] for head in told["absent"]["heads"]]
    assert sorted(statuses) == ["200", "502"]
