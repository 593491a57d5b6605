"""The four pieces of work whose every system call is broken: each done in a process of its own, and judged in another.

Belongs here: what an operation is, and the two small ones, an upload and a migration. Does not belong here: builds
(`build_operations`), breaking (`call_faults`, `strace_faults`), the order of a sweep (`fault_sweep`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final, Protocol

import pyarrow.parquet as pq
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, select, text
from starlette.testclient import TestClient

from api.app import create_app
from api.db.migrate import upgrade
from api.db.models import Base
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.ledger import landed_files
from pipelines.lake.paths import Home
from pipelines.verify.ledger_checks import check_batches, check_files, read_ledger
from pipelines.verify.report import VerifyReport
from tests.faults.paired_machine import pair_machine
from tests.wire_records import batch, record

Outcome = dict[str, Any]
"""What an operation said before its end: `done` (acknowledged, published, migrated), and `fault`, a reason."""


class Operation(Protocol):
    """Work on one home. All methods but `build` run in processes forked from the one that built the home."""

    name: str

    def build(self, home: Home) -> None:
        """Make the home the operation starts from; called once, and copied for every case."""
        ...

    def begin(self, home: Home) -> Callable[[], Outcome]:
        """Get ready, unbroken, and return what is to be broken. It may be called again, and then has to succeed."""
        ...

    def judge(self, home: Home, outcome: Outcome | None) -> list[str]:
        """Heal in a new process and return what is wrong, in words; the outcome is None when the process was killed."""
        ...


class Ingest:
    """One upload over HTTP to a server that has just started: authentication, file, ledger, receipt."""

    name = "ingest"
    _CLOCK: Final = SystemClock()
    _EARLIER: Final = 5
    _ROWS: Final = 20

    def build(self, home: Home) -> None:
        engine = open_database(home.database_url)
        upgrade(engine)
        self._token = pair_machine(engine, self._CLOCK).token
        server = self._started(home, engine)
        assert self._send(server, "earlier", self._EARLIER) == 200
        server.__exit__()
        engine.dispose()

    def begin(self, home: Home) -> Callable[[], Outcome]:
        engine = open_database(home.database_url)
        servers: list[TestClient] = []

        def upload() -> Outcome:
            if not servers:
                servers.append(self._started(home, engine))
            status = self._send(servers[0], "upload", self._ROWS)
            return {"done": status == 200, "fault": None if status in (200, 503) else f"the answer was {status}"}

        return upload

    def judge(self, home: Home, outcome: Outcome | None) -> list[str]:
        engine, wrong = open_database(home.database_url), []
        sent = {row["id"] for row in self._rows("upload", self._ROWS)}
        stored = self._stored(home, engine)
        if outcome and outcome["done"] and not sent <= set(stored):
            wrong.append("acknowledged, but not stored")
        status = self._send(self._started(home, engine), "upload", self._ROWS)
        if status != 200:
            wrong.append(f"sent again, the answer is {status}")
        stored = self._stored(home, engine)
        if sorted(stored) != sorted(sent | {row["id"] for row in self._rows("earlier", self._EARLIER)}):
            wrong.append(f"{len(stored)} rows are stored, {len(set(stored))} different ones")
        report, ledger = VerifyReport(), read_ledger(engine)
        check_files(home, ledger, report)
        check_batches(ledger, report)
        return wrong + report.differences

    def _rows(self, name: str, count: int) -> list[dict[str, Any]]:
        return [record((name, index)) for index in range(count)]

    def _started(self, home: Home, engine: Engine) -> TestClient:
        return TestClient(create_app(home, engine=engine, sends_mail=False), raise_server_exceptions=False).__enter__()

    def _send(self, server: TestClient, name: str, count: int) -> int:
        headers = {"Authorization": f"Bearer {self._token}"}
        body = batch(self._rows(name, count), name)
        return server.post("/v1/requests/batch", content=body, headers=headers).status_code

    def _stored(self, home: Home, engine: Engine) -> list[str]:
        with engine.connect().execution_options(read_only=True) as connection:
            paths = connection.execute(select(landed_files.c.relative_path)).scalars().all()
        return [str(one) for path in paths for one in pq.read_table(home.landing / path)["request_id"].to_pylist()]


class Migration:
    """The upgrade of an app database by every revision there is, from one that holds nothing but somebody's table."""

    name = "migration"

    def build(self, home: Home) -> None:
        connection = sqlite3.connect(home.root / "app.sqlite")
        connection.execute("pragma journal_mode=wal")
        connection.execute("create table before (value integer)")
        connection.execute("insert into before values (7)")
        connection.commit()
        connection.close()
        self.begin(Home(home.root / "rehearsal"))()  # Alembic is imported before any fork

    def begin(self, home: Home) -> Callable[[], Outcome]:
        engine = open_database(home.database_url)

        def migrate() -> Outcome:
            try:
                upgrade(engine)
            except Exception as fault:  # noqa: BLE001 - whatever it is, it is an answer to judge
                return {"done": False, "fault": None, "words": str(fault)[:200]}
            return {"done": True, "fault": None}

        return migrate

    def judge(self, home: Home, outcome: Outcome | None) -> list[str]:
        engine, wrong = open_database(home.database_url), []
        tables = self._tables(engine)
        newest = {*Base.metadata.tables, "alembic_version", "before"}
        if tables not in ({"before"}, newest):
            wrong.append(f"half migrated: {sorted(tables)}")
        if outcome and outcome["done"] and tables != newest:
            wrong.append("said to be migrated, but is not")
        upgrade(engine)
        with engine.connect() as connection:
            ours = {"include_name": lambda name, kind, _: kind != "table" or name != "before"}
            context = MigrationContext.configure(connection, opts={"compare_type": True, **ours})
            if difference := compare_metadata(context, Base.metadata):
                wrong.append(f"the schema differs: {difference}")
            for query, expected in (
                ("select value from before", [(7,)]),
                ("select id, value from landing_sequence", [(1, 0)]),
                ("pragma integrity_check", [("ok",)]),
            ):
                if (found := connection.execute(text(query)).all()) != expected:
                    wrong.append(f"{query}: {found}")
        return wrong

    def _tables(self, engine: Engine) -> set[str]:
        with engine.connect().execution_options(read_only=True) as connection:
            rows = connection.execute(text("select name from sqlite_master where type = 'table'")).scalars()
            return {name for name in rows if not name.startswith("sqlite_")}
