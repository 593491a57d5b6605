"""One analysis, step by step: export, transform, publish.

Belongs here: the order of the steps, what each hands to the next, and who may build when. Does not belong here: Dagster
(`pipelines.assets.analysis` calls these steps and records them), and answers for callers (`pipelines.analysis.run`).

Always from scratch, in a database of its own that is thrown away in the end: nothing is kept that could be wrong.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Engine

from pipelines.analysis.exports import finance_digests, read_finance, write_finance
from pipelines.analysis.inputs import AnalysisInputs, local_days
from pipelines.analysis.publish import AnalysisPublication, publish_analysis, remove_unfinished
from pipelines.analysis.sources import lay_sources
from pipelines.dbt_runner import ANALYSIS, DbtRun, DbtRunner
from pipelines.durable_files import TEMPORARY_PREFIX, remove_leftovers
from pipelines.lake.analysis_catalog import ANALYSIS_FORMAT, AnalysisPointer, read_analysis_pointer
from pipelines.lake.catalog import CurrentPointer, read_pointer
from pipelines.lake.clock import Clock
from pipelines.lake.paths import Home
from pipelines.lake.snapshot_lease import snapshot_stays
from pipelines.whole_files import is_whole

MEMORY_VARIABLE: Final = "HALTON_ANALYSIS_MEMORY"
MEMORY_LIMIT: Final = os.environ.get(MEMORY_VARIABLE, "2GB")
"""DuckDB's memory limit while an analysis is built; beyond it queries spill to disk."""
_COMMAND: Final = ("build", "--select", f"tag:{ANALYSIS}", "--exclude-resource-type", "unit_test")
_INSIDE_PREFIX: Final = "int_"


class AnalysisError(Exception):
    """A step failed; readers go on seeing the analysis before. The message says why."""


class NothingPublishedError(AnalysisError):
    """There are no marts to analyse yet."""


class AnalysisBuild:
    """An analysis in progress. `opened_build` makes one; use it once."""

    def __init__(self, home: Home, engine: Engine, clock: Clock, runner: DbtRunner, snapshot: CurrentPointer) -> None:
        """Nothing is read before the first step.

        Args:
            home: where everything lies.
            engine: the app database.
            clock: tells when the build happens.
            runner: a warm dbt of its own.
            snapshot: the marts to analyse; they stay for as long as this is used.
        """
        self.home, self.runner, self.snapshot = home, runner, snapshot
        self.now = clock.now()
        self._engine = engine
        self._inputs: AnalysisInputs | None = None
        self._folder = home.analysis / f"{TEMPORARY_PREFIX}{uuid4().hex[:12]}"
        self._is_built = False
        self.published: AnalysisPointer | None = None

    @property
    def database(self) -> Path:
        """The database the models are built in, named as every warehouse is: dbt's manifest holds the name."""
        return self._folder / self.home.warehouse.name

    def export(self) -> AnalysisInputs:
        """Read the app database and write the exports.

        Raises:
            OSError: an export cannot be written.
        """
        if self._inputs is None:
            tables = read_finance(self._engine)
            write_finance(tables, self.home)
            self._inputs = AnalysisInputs(
                build_id=self.snapshot.build_id,
                finance=finance_digests(tables),
                project=self.runner.project_digest(analysis=True),
                days=local_days(self._engine, self.now),
            )
        return self._inputs

    def already_published(self) -> AnalysisPointer | None:
        """Return the published analysis when it is up to date and whole; None when there is something to do."""
        try:
            pointer = read_analysis_pointer(self.home)
        except ValueError:
            return None
        if pointer is None or pointer.format != ANALYSIS_FORMAT or pointer.inputs != self.export().digest():
            return None
        return pointer if is_whole(self.home.marts / pointer.file, pointer.sha256) else None

    def lay_sources(self) -> Path:
        """Make the database with what models read.

        Returns:
            The database.

        Raises:
            pipelines.analysis.sources.SourceError: a file of the marts is missing.
            duckdb.Error: one cannot be read.
        """
        self.export()
        self._folder.mkdir(parents=True)
        lay_sources(self.home, self.database, self.snapshot.file, MEMORY_LIMIT)
        return self.database

    def transform(self, models: Sequence[str] | None = None) -> DbtRun:
        """Run the models and their tests.

        Args:
            models: only these, for someone at work on them; such a build cannot be published.

        Returns:
            What every node did, failures included.
        """
        self.lay_sources()
        command = [*_COMMAND] if models is None else ["build", "--select", *models, *_COMMAND[-2:]]
        run = self.runner.run(command, self.database, self.variables())
        self._is_built = run.failure is None and models is None
        return run

    def variables(self) -> dict[str, Any]:
        """Return the variables of dbt that tell models what no table does."""
        return {"analysis_as_of": self.now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")}

    def publish(self) -> AnalysisPointer:
        """Publish what was built.

        Raises:
            AnalysisError: not every model was built and tested before.
            pipelines.analysis.publish.AnalysisPublishError: the marts were deleted meanwhile.
        """
        if not self._is_built:
            raise AnalysisError("only an analysis whose models and tests all passed can be published")
        tables = published_tables(self.runner.manifest_json())
        publication = AnalysisPublication(self.snapshot.file, self.export(), self.now, tables)
        self.published = publish_analysis(self.home, self.database, publication)
        return self.published

    def discard(self) -> None:
        """Delete the database."""
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def opened_build(home: Home, engine: Engine, clock: Clock, runner: DbtRunner | None = None) -> Generator[AnalysisBuild]:
    """Yield a build of the marts as they are now. Waits for another analysis of the same home to end first.

    Raises:
        NothingPublishedError: there are no marts.
        OSError: the home cannot be written.
    """
    with _analysis_lock(home):
        remove_unfinished(home, _delete)
        remove_leftovers(home.analysis / "exports")
        try:
            snapshot = read_pointer(home)
        except ValueError as fault:
            raise AnalysisError(f"marts/CURRENT cannot be read: {fault}") from fault
        if snapshot is None:
            raise NothingPublishedError("there are no published marts to analyse; refresh first")
        with snapshot_stays(home, snapshot.build_id):
            build = AnalysisBuild(home, engine, clock, runner or analysis_dbt(home), snapshot)
            try:
                yield build
            finally:
                build.discard()


@lru_cache(maxsize=8)
def analysis_dbt(home: Home) -> DbtRunner:
    """Return this process' runner of a home's analyses."""
    return DbtRunner(home, folder=home.analysis / "dbt", memory=MEMORY_LIMIT)


def published_tables(manifest: Mapping[str, Any]) -> list[str]:
    """Return the tables of an analysis that readers see: its models, but for those inside (`int_…`) and views."""
    return sorted(
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and ANALYSIS in node["tags"]
        and node["config"]["materialized"] == "table"
        and not node["name"].startswith(_INSIDE_PREFIX)
    )


@contextmanager
def _analysis_lock(home: Home) -> Generator[None]:
    """Hold the lock of analyses, waiting for whoever has it. The kernel frees it when its holder dies."""
    home.analysis.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home.analysis_lock, os.O_CREAT | os.O_RDWR, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
