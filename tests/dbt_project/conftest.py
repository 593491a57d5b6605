"""Fixtures of the warehouse tests: one parsed project per session, one lake and warehouse per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from dbt.contracts.graph.manifest import Manifest

from tests.dbt_project.analysis_sql import AnalysisSql, compiled
from tests.dbt_project.lake_builder import Lake
from tests.dbt_project.reconciliation_sql import ReconciliationSql, compiled_reconciliation, empty_sources
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


@pytest.fixture(scope="session")
def analysis_sql(manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> AnalysisSql:
    """The models of clusters and optimisation, to be run over rows made by hand."""
    return compiled(manifest, tmp_path_factory.mktemp("compiled"))


@pytest.fixture(scope="session")
def reconciliation_sql(manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> ReconciliationSql:
    """The models of reconciliation and their tests, to be run over rows made by hand."""
    return compiled_reconciliation(manifest, tmp_path_factory.mktemp("reconciliation"))


@pytest.fixture
def reconciliation_sources(manifest: Manifest, tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with the sources of the analysis, empty."""
    with empty_sources(manifest, tmp_path / "warehouse.duckdb") as connection:
        yield connection
