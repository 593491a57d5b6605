"""One proxy in a process of its own for the folder, and upstreams whose answers each test chooses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.capture_environment import RunningProxy, capture_python
from tests.daemon.proxy.wire import Stream, TestAuthority, Upstream, close_connected

__all__ = ["capture_python"]


def nothing(stream: Stream) -> None:
    """Closes at once."""


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    return TestAuthority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def _child(capture_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with RunningProxy(capture_python, authority_folder=str(tmp_path_factory.mktemp("first"))) as child:
        yield child


@pytest.fixture(autouse=True)
def _closed_afterwards() -> Iterator[None]:
    yield
    close_connected()


@pytest.fixture
def plain() -> Iterator[Upstream]:
    """An upstream without TLS."""
    with Upstream(nothing) as upstream:
        yield upstream


@pytest.fixture
def secure(authority: TestAuthority) -> Iterator[Upstream]:
    """An upstream with TLS, of HTTP/1.1."""
    with Upstream(nothing, tls=authority.server("http/1.1")) as upstream:
        yield upstream


@pytest.fixture
def settings(tmp_path: Path, authority: TestAuthority, plain: Upstream, secure: Upstream) -> dict[str, Any]:
    """`localhost` is a provider, `127.0.0.1` is none."""
    return {
        "authority_folder": str(tmp_path / "ca"),
        "upstream_ca": str(authority.roots),
        "hosts": {"localhost": "openai"},
        "upstreams": {"openai": f"http://localhost:{plain.port}/v1", "xai": f"https://localhost:{secure.port}"},
    }


@pytest.fixture
def proxy(_child: RunningProxy, settings: dict[str, Any]) -> RunningProxy:
    """A proxy between the test and both upstreams."""
    _child.restart(**settings)
    return _child
