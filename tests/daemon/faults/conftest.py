"""A laptop that captures, and a provider for it; the tests of a file share them, since a daemon takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.credentials import MeterHome
from tests.daemon.capture_environment import capture_python
from tests.daemon.faults.gateway import CapturingLaptop
from tests.daemon.upstreams import Upstream

__all__ = ["capture_python"]


@pytest.fixture(scope="module")
def provider() -> Iterator[Upstream]:
    """A provider, without TLS."""
    with Upstream() as upstream:
        yield upstream


@pytest.fixture
def upstream(provider: Upstream) -> Upstream:
    """The provider, nothing asked of it yet."""
    provider.requests.clear()
    return provider


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, capture_python: Path, provider: Upstream
) -> Iterator[CapturingLaptop]:
    """A laptop whose daemon runs, and whose gateways lead to `provider`."""
    home = MeterHome(tmp_path_factory.mktemp("laptop") / "home")
    upstreams = "".join(f'{name} = "{provider.url}"\n' for name in ("anthropic", "openai", "gemini", "xai"))
    config = f"[capture]\nport = 0\n[api]\nport = 0\n[capture.upstreams]\n{upstreams}"
    home.write(home.config_path, config.encode())
    laptop = CapturingLaptop(home, capture_python)
    laptop.says("start")
    yield laptop
    laptop.stop()


@pytest.fixture
def capturing(running: CapturingLaptop) -> CapturingLaptop:
    """The laptop, which forgets how many calls it had before."""
    running.forget_calls()
    return running
