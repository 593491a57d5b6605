"""A laptop for every test, with or without what captures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.credentials import MeterHome
from tests.daemon.capture_environment import capture_python
from tests.daemon.service.laptop import Laptop
from tests.daemon.upstreams import Upstream

__all__ = ["capture_python"]

FREE_PORTS = "[capture]\nport = 0\n[api]\nport = 0\n"


@pytest.fixture
def home(tmp_path: Path) -> MeterHome:
    home = MeterHome(tmp_path / "home")
    home.write(home.config_path, FREE_PORTS.encode())
    return home


@pytest.fixture
def laptop(home: MeterHome) -> Iterator[Laptop]:
    """One without the extra `capture`."""
    laptop = Laptop(home)
    yield laptop
    laptop.stop()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A provider, without TLS."""
    with Upstream() as upstream:
        yield upstream


@pytest.fixture
def capturing(home: MeterHome, capture_python: Path, upstream: Upstream) -> Iterator[Laptop]:
    """One with it, whose gateway for Anthropic leads to `upstream`."""
    config = FREE_PORTS + f'[capture.upstreams]\nanthropic = "{upstream.url}"\n'
    home.write(home.config_path, config.encode())
    laptop = Laptop(home, capture_python)
    yield laptop
    laptop.stop()
