"""Fixtures of the warehouse tests: one parsed project per session, one lake and warehouse per test."""

from __future__ import annotations

from pathlib import Path

import pytest
from dbt.contracts.graph.manifest import Manifest

from tests.dbt_project.lake_builder import Lake
from tests.dbt_project.warehouse import Warehouse, parse


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The parsed dbt project."""
    return parse(tmp_path_factory.mktemp("parse"))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake without files."""
    return Lake(tmp_path)


@pytest.fixture
def warehouse(lake: Lake, manifest: Manifest) -> Warehouse:
    """A warehouse over `lake`, not built yet."""
    return Warehouse(lake, manifest)
