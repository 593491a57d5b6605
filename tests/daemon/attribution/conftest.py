"""Homes and folders that attribution looks at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.attribution import chain
from daemon.attribution.bounded import BoundedLookups
from tests.daemon.attribution.clients import Listener


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's home of their own, and nothing remembered from another test."""
    home = tmp_path / "home" / "ada"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(chain, "_looked_up", BoundedLookups(keep=0.0))
    return home


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener("127.0.0.1") as listening:
        yield listening
