"""A cloud with a ledger and a laptop that is paired with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.cloud.laptop import Laptop
from tests.daemon.cloud.ledger_cloud import LedgerCloud


@pytest.fixture
def ledger() -> Iterator[LedgerCloud]:
    fake = LedgerCloud()
    yield fake
    fake.stop()


@pytest.fixture
def laptop(tmp_path: Path, ledger: LedgerCloud) -> Iterator[Laptop]:
    laptop = Laptop(tmp_path / "meter", ledger.url)
    yield laptop
    laptop.close()
