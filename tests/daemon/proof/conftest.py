"""A laptop with the real daemon before fake providers, one for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.credentials import MeterHome
from tests.daemon.capture_environment import capture_python
from tests.daemon.proof.fake_providers import FakeProviders, fake_providers
from tests.daemon.service.laptop import Laptop

__all__ = ["capture_python"]


@pytest.fixture(scope="module")
def providers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeProviders]:
    """All four."""
    with fake_providers(tmp_path_factory.mktemp("authority")) as providers:
        yield providers


@pytest.fixture(scope="module")
def laptop(
    capture_python: Path, providers: FakeProviders, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Laptop]:
    """One whose daemon has been started; only the daemon trusts the providers' authority."""
    home = MeterHome(tmp_path_factory.mktemp("laptop") / "home")
    home.write(home.config_path, providers.config.encode())
    laptop = Laptop(home, capture_python, {"SSL_CERT_FILE": str(providers.authority)})
    laptop.says("start")
    yield laptop
    laptop.stop()
