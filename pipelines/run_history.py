"""Dagster's memory of runs: its instance in the home, with storage quick enough for a run every few seconds.

Belongs here: `dagster.yaml`, the instance, the SQLite storages and forgetting old runs. Does not belong here: assets
and jobs (`pipelines.assets`).

Dagster's own SQLite storages open a new engine for every event: 5 s for a run of 270 events where these take 0.6 s,
with one pooled engine each. The history can be lost without loss of data, so commits do not wait for the disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

# Read by Dagster when it is imported.
os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
os.environ.setdefault("DO_NOT_TRACK", "1")

import sqlalchemy as sa
from dagster import DagsterInstance
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import event

from pipelines.durable_files import write_if_changed
from pipelines.lake.paths import Home

RUNS_KEPT: Final = 500
_RUNS_FORGOTTEN_AT_ONCE: Final = 50
_BUSY_TIMEOUT_SECONDS: Final = 60

_DAGSTER_YAML: Final = """\
# Written by Halton Meter Cloud at every start; changes are overwritten.
telemetry:
  enabled: false
event_log_storage:
  module: pipelines.run_history
  class: PooledEventLogStorage
  config:
    base_dir: {folder}/history
run_storage:
  module: pipelines.run_history
  class: PooledRunStorage
  config:
    base_dir: {folder}/history
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
retention:
  schedule:
    purge_after_days: 30
  sensor:
    purge_after_days:
      skipped: 1
      failure: 30
      success: 7
"""


def _pooled_engine(url: str) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_SECONDS, "check_same_thread": False})

    def relax(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    event.listen(engine, "connect", relax)
    return engine


class PooledEventLogStorage(ConsolidatedSqliteEventLogStorage):
    """All events in one SQLite file, over one pooled engine."""

    @cached_property
    def _engine(self) -> sa.Engine:
        return _pooled_engine(self._conn_string)

    @contextmanager
    def _connect(self) -> Iterator[sa.Connection]:
        with self._engine.begin() as connection:
            yield connection

    def has_table(self, table_name: str) -> bool:
        """Tell whether the database has a table."""
        return sa.inspect(self._engine).has_table(table_name)

    def dispose(self) -> None:
        """Stop watching and close every connection."""
        super().dispose()
        self._engine.dispose()


class PooledRunStorage(SqliteRunStorage):
    """Runs in one SQLite file, over one pooled engine."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> PooledRunStorage:
        """Open the storage that `dagster.yaml` describes."""
        return cls.from_local(inst_data=inst_data, base_dir=config_value["base_dir"])

    @cached_property
    def _engine(self) -> sa.Engine:
        return _pooled_engine(self._conn_string)

    @contextmanager
    def connect(self) -> Iterator[sa.Connection]:
        """Yield a connection in a transaction."""
        with self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Close every connection."""
        super().dispose()
        self._engine.dispose()


def write_instance_config(home: Home) -> Path:
    """Make sure that the home's `DAGSTER_HOME` has our `dagster.yaml`.

    Returns:
        The folder to set `DAGSTER_HOME` to.
    """
    home.dagster.mkdir(parents=True, exist_ok=True)
    write_if_changed(home.dagster / "dagster.yaml", _DAGSTER_YAML.format(folder=home.dagster).encode())
    return home.dagster


@lru_cache(maxsize=8)
def run_history(home: Home) -> DagsterInstance:
    """Return the home's persistent Dagster instance, opened once per process."""
    return DagsterInstance.from_config(str(write_instance_config(home)))


def forget_old_runs(instance: DagsterInstance, keep: int = RUNS_KEPT) -> int:
    """Delete runs beyond the newest `keep`, a few at a time, whatever became of them.

    A run whose process was killed never ends in the history; were only ended ones counted, those would stay for ever.

    Returns:
        How many were deleted.
    """
    if instance.get_runs_count() < keep + _RUNS_FORGOTTEN_AT_ONCE:
        return 0
    newest = instance.get_run_ids(limit=keep + 10 * _RUNS_FORGOTTEN_AT_ONCE)
    for run_id in newest[keep:]:
        instance.delete_run(run_id)
    return len(newest[keep:])
